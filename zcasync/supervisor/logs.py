"""Where a supervisor's log goes: a file in the home and warnings to the terminal, or all to stderr.

Nothing that happens to these keeps the process from going on: log_writer.py writes them.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    globalLogBeginner,
)
from zope.interface import implementer

from zcasync.database.errors import say_it_once
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.settings import Settings
from zcasync.supervisor.log_lines import Lines, TextLines, escape_all, lines_of
from zcasync.supervisor.log_outlets import IOutlet, LogFile, LogStream
from zcasync.supervisor.log_writer import END_SECONDS, LogWriter

#: The value of the setting ``log`` for standard error.
STDERR = "-"
#: On a terminal.
TIME_FORMAT = "%H:%M:%S"

#: Those of this process, whose log begins once.
_writers: list[LogWriter] = []
#: Those of streams, by the device and the inode of the place.
_printers: dict[tuple[int, int], LogWriter] = {}


def begin(home: Home, settings: Settings) -> LogWriter:
    """Send the log to where ``settings`` say from now on; returns its writer.

    The standard library's log (ZODB, ZEO and the jobs' own libraries) goes there from WARNING on,
    and what this process, with its reactor jobs, prints to ``sys.stdout`` and ``sys.stderr``.
    Raises OSError where the file in the home cannot be opened.
    """
    lines = lines_of(settings.log_format)
    if settings.log == STDERR:
        writer = printer(sys.stderr, lines)
        observers: list[Any] = []
    else:
        writer = writer_for(LogFile(home.log_file, _open_in_home), lines)
        observers = [_for_terminal()]
    start()
    escape_all()
    globalLogBeginner.beginLoggingTo([observer_of(writer, lines), *observers], discardBuffer=False)
    take_records(writer, lines)
    return writer


def writer_for(outlet: IOutlet, lines: Lines, encoding: str = "utf-8") -> LogWriter:
    """Return a writer of this process, which ``start``, ``reopen`` and ``end`` are for."""
    if not _writers:
        atexit.register(end)
    made = LogWriter(outlet, lines.of_dropped, encoding)
    _writers.append(made)
    return made


def printer(stream: TextIO | None, lines: Lines | None = None) -> LogWriter:
    """Return a writer to a stream of this process; ``lines``: what is written there, None: text.

    Streams that lead to one place, a terminal for instance, share it, so that lines are in order.
    """
    outlet = outlet_of(stream)
    if outlet.place not in _printers:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        _printers[outlet.place] = writer_for(outlet, lines or TextLines(TIME_FORMAT), encoding)
    made = _printers[outlet.place]
    made.start()
    return made


def start() -> None:
    """Begin to write what is logged: from now on this process does not fork any more."""
    for one in _writers:
        one.start()


def reopen() -> None:
    """Open the log's file anew, where it has one: at once, not when it is seen to be gone."""
    for one in _writers:
        one.reopen()


def end() -> None:
    """Wait until all that was logged is written, for END_SECONDS at most.  Safe to repeat."""
    at = time.monotonic() + END_SECONDS
    for one in _writers:
        one.end(at)


def outlet_of(stream: TextIO | None) -> LogStream:
    """Return the outlet to a stream of this process; to nowhere, where that is closed."""
    if stream is not None:
        with suppress(OSError, ValueError):
            return LogStream(os.dup(stream.fileno()), _name_of(stream))
    return LogStream(os.open(os.devnull, os.O_WRONLY), os.devnull)


def _name_of(stream: TextIO) -> str:
    return "standard error" if stream is sys.stderr else "standard output"


def take_records(writer: LogWriter, lines: Lines) -> None:
    """Have what is in the standard library's log written too, from WARNING on."""
    logging.getLogger().addHandler(_Handler(writer, lines))
    say_it_once()


def observer_of(writer: LogWriter, lines: Lines) -> Any:
    """Return the observer that has Twisted's log written."""
    chatty = LogLevelFilterPredicate()
    chatty.setLogLevelForNamespace("twisted.protocols.amp", LogLevel.warn)
    return FilteringLogObserver(_Observer(writer, lines), [chatty])


def _for_terminal() -> Any:
    """Return an observer for standard error, of warnings."""
    predicates: Any = [
        _not_what_ends_the_process,
        LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn),
    ]
    return FilteringLogObserver(_Observer(printer(sys.stderr), TextLines(TIME_FORMAT)), predicates)


def _open_in_home(path: Path) -> int:
    """Open the log, or make a new one, closed to others.  Raises OSError, for a link too.

    To append, because commands that fail append to it too.
    """
    own_files.create_folder(path.parent)
    return own_files.open_own(path, os.O_WRONLY | os.O_APPEND)


@implementer(ILogObserver)
class _Observer:
    """Has events written."""

    def __init__(self, writer: LogWriter, lines: Lines) -> None:
        self._writer = writer
        self._lines = lines

    def __call__(self, event: dict[str, Any]) -> None:
        line = self._lines.of_event(event)
        if line:
            self._writer.write(line)


class _Handler(logging.Handler):
    """Has records of the standard library's log written."""

    def __init__(self, writer: LogWriter, lines: Lines) -> None:
        super().__init__(logging.WARNING)
        self._writer = writer
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self._lines.of_record(record))
        except Exception:  # of the code that is to say what was logged
            self.handleError(record)


@implementer(ILogFilterPredicate)
def _not_what_ends_the_process(event: dict[str, Any]) -> Any:
    """Whoever runs the process says that, as its last line: once is enough on a terminal."""
    is_last = event.get("log_level") is LogLevel.critical and "log_failure" not in event
    return PredicateResult.no if is_last else PredicateResult.maybe
