"""Where a supervisor's log goes: a rotated file in the home, and warnings to the terminal."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from zcasync.database.errors import say_it_once
from zcasync.instance.home import Home

ROTATE_BYTES = 10 * 1024 * 1024
KEEP_FILES = 10


def begin(home: Home) -> Any:
    """Send the log to ``log/zcasync.log`` from now on; returns the open file.

    The standard library's log (ZODB, ZEO and the jobs' own libraries) goes there from WARNING on.
    """
    home.log.mkdir(parents=True, exist_ok=True)
    file: Any = _Log("zcasync.log", str(home.log), ROTATE_BYTES, maxRotatedFiles=KEEP_FILES)
    predicates: Any = [
        _not_what_ends_the_process,
        LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn),
    ]
    terminal = FilteringLogObserver(
        textFileLogObserver(sys.stderr, timeFormat="%H:%M:%S"),
        predicates,
    )
    chatty = LogLevelFilterPredicate()
    chatty.setLogLevelForNamespace("twisted.protocols.amp", LogLevel.warn)
    to_file = FilteringLogObserver(textFileLogObserver(file), [chatty])
    globalLogBeginner.beginLoggingTo(
        [to_file, terminal], redirectStandardIO=False, discardBuffer=False
    )
    handler = logging.StreamHandler(file)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s [%(name)s#%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(handler)
    say_it_once()
    return file


class _Log(LogFile):  # type: ignore[misc]
    """A full disk is no reason to complain at each line: what matters is on the terminal too."""

    def write(self, data: str) -> None:
        with suppress(OSError):
            super().write(data)


@implementer(ILogFilterPredicate)
def _not_what_ends_the_process(event: dict[str, Any]) -> Any:
    """Whoever runs the process says that, as its last line: once is enough on a terminal."""
    is_last = event.get("log_level") is LogLevel.critical and "log_failure" not in event
    return PredicateResult.no if is_last else PredicateResult.maybe
