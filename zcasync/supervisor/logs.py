"""Where a supervisor's log goes: a rotated file in the home, and warnings to the terminal.

What jobs, records and the outside have given is in it, and must neither act on the terminal that
shows it nor look like a record of its own: each record has one line, and further lines, of
tracebacks for instance, begin with a tab.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    formatEvent,
    globalLogBeginner,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from zcasync.database.errors import say_it_once
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.job.failure import StoredFailure, sanitize
from zcasync.text import printable_lines

logger = Logger()

#: The logs of this process.
_open_logs: list[_Log] = []
ROTATE_BYTES = 10 * 1024 * 1024
KEEP_FILES = 10


def begin(home: Home) -> Any:
    """Send the log to ``log/zcasync.log`` from now on; returns the open file.

    The standard library's log (ZODB, ZEO and the jobs' own libraries) goes there from WARNING on,
    and what this process, with its reactor jobs, prints to ``sys.stdout`` and ``sys.stderr``.
    """
    own_files.create_folder(home.log)
    file: Any = _Log(home.log_file.name, str(home.log), ROTATE_BYTES, maxRotatedFiles=KEEP_FILES)
    _open_logs.append(file)
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
    escape_all()
    globalLogBeginner.beginLoggingTo([to_file, terminal], discardBuffer=False)
    handler = logging.StreamHandler(file)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_Lines("%(asctime)s [%(name)s#%(levelname)s] %(message)s"))
    logging.getLogger().addHandler(handler)
    say_it_once()
    return file


def reopen() -> None:
    """Write to the file that is at the path of the log now, a new one where there is none."""
    for file in list(_open_logs):
        file.reopen()


def escape_all() -> None:
    """Escape all events from now on, for the observers that are added later.

    Not by observers of our own around others: under twistd the others are twistd's.
    """
    observer: Any = _escape
    globalLogPublisher.addObserver(observer)


def _escape(event: dict[str, Any]) -> None:
    """Escape, in place, what an event says and the traceback of its failure."""
    text = formatEvent(event)
    shown = printable_lines(text)
    if shown != text:
        event["log_format"], event["log_shown"] = "{log_shown}", shown
    if "log_failure" in event:
        event["log_failure"] = _escaped(event["log_failure"])


def _escaped(failure: Failure) -> Failure:
    """Return the failure, or where its traceback has to be escaped, one with the escaped text."""
    text = failure.getTraceback()
    shown = printable_lines(text)
    if shown == text:
        return failure
    stored: Any = sanitize(failure)
    return StoredFailure(stored.type, stored.value, stored.parents, shown)


class _Lines(logging.Formatter):
    """A formatter of the standard library's log: escapes as ``_escape``, and sets lines apart."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record)).replace("\n", "\n\t")


class _Log(LogFile):  # type: ignore[misc]
    """A full disk is no reason to complain at each line: what matters is on the terminal too."""

    def _openFile(self) -> None:
        """Open it, or make a new one, closed to others.  Raises OSError for a link.

        To append, because commands that fail append to it too.
        """
        self.closed = False
        fd = own_files.open_own(Path(self.path), os.O_RDWR | os.O_APPEND)
        self._file = open(fd, "rb+", 0)  # noqa: SIM115
        self.size = self._file.seek(0, os.SEEK_END)

    def reopen(self) -> None:
        """Open it anew.  Where that cannot be it goes on with the one that it has."""
        before = self._file
        try:
            self._openFile()
        except OSError as error:
            logger.error("the log stays where it is: {why}", why=str(error))
        else:
            before.close()

    def write(self, data: str) -> None:
        with suppress(OSError):
            super().write(data)


@implementer(ILogFilterPredicate)
def _not_what_ends_the_process(event: dict[str, Any]) -> Any:
    """Whoever runs the process says that, as its last line: once is enough on a terminal."""
    is_last = event.get("log_level") is LogLevel.critical and "log_failure" not in event
    return PredicateResult.no if is_last else PredicateResult.maybe
