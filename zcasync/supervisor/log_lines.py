"""The lines of the log, as text or as JSON, of what this package and others have logged.

What jobs, records and the outside have given is in it, and must neither act on the terminal that
shows it nor look like a record of its own: each record has one line, and further lines, of
tracebacks for instance, begin with a tab.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from twisted.logger import (
    LogLevel,
    formatEvent,
    formatEventAsClassicLogText,
    formatTime,
    globalLogPublisher,
)
from twisted.python.failure import Failure

from zcasync.job.failure import StoredFailure, sanitize
from zcasync.text import printable_lines

TEXT, JSON = "text", "json"
#: The fields of JSON, and the keys of events that have them, the first that is there.
FIELDS = {
    "job": ("job", "oid"),
    "callable": ("callable",),
    "attempt": ("attempt",),
    "child": ("slot",),
    "pid": ("pid",),
    "engine": ("engine",),
}
TRACEBACK = "\nTraceback (most recent call last):"
DROPPED = "{count:,} lines dropped: they could not be written"


class Lines(Protocol):
    """One format of the log."""

    def of_event(self, event: dict[str, Any]) -> str | None:
        """Return the line of an event of Twisted's log; None: there is nothing to say."""

    def of_record(self, record: logging.LogRecord) -> str:
        """Return the line of a record of the standard library's log."""

    def of_dropped(self, count: int) -> str:
        """Return the line for lines that are missing."""


class TextLines:
    """Lines for people; ``time_format``: as of strftime, None: date, time and zone."""

    def __init__(self, time_format: str | None = None) -> None:
        self._time_format = time_format
        self._formatter = _Records("%(asctime)s [%(name)s#%(levelname)s] %(message)s")

    def of_event(self, event: dict[str, Any]) -> str | None:
        """Return the line as twistd writes it."""
        return formatEventAsClassicLogText(event, formatTime=self._moment)

    def of_record(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and its traceback."""
        return self._formatter.format(record) + "\n"

    def of_dropped(self, count: int) -> str:
        """Return the line for lines that are missing."""
        return f"{self._moment(time.time())} [zcasync#warn] {DROPPED.format(count=count)}\n"

    def _moment(self, when: float | None) -> str:
        return formatTime(when, self._time_format) if self._time_format else formatTime(when)


class JsonLines:
    """One JSON object in each line, for programs: docs/logging.rst has its fields.

    The worker is known from the first event on that names one.
    """

    def __init__(self) -> None:
        self._worker: str | None = None
        self._formatter = logging.Formatter()

    def of_event(self, event: dict[str, Any]) -> str | None:
        """Return the object of an event, with what it knows of job, callable, child and attempt."""
        text = formatEvent(event)
        self._worker = event.get("worker", self._worker)
        trace = event["log_failure"].getTraceback() if "log_failure" in event else None
        if not text and not trace:
            return None
        level = event.get("log_level", LogLevel.info)
        return self._line(
            event.get("log_time", time.time()),
            "warning" if level is LogLevel.warn else level.name,
            event.get("log_namespace"),
            text,
            trace,
            {name: _first(event, keys) for name, keys in FIELDS.items()},
        )

    def of_record(self, record: logging.LogRecord) -> str:
        """Return the object of a record."""
        trace = self._formatter.formatException(record.exc_info) if record.exc_info else None
        message = record.getMessage()
        return self._line(record.created, record.levelname.lower(), record.name, message, trace)

    def of_dropped(self, count: int) -> str:
        """Return the object for lines that are missing, with their number."""
        text = DROPPED.format(count=count)
        return self._line(time.time(), "warning", "zcasync", text, None, {"dropped": count})

    def _line(
        self,
        moment: float,
        level: str,
        logger: str | None,
        message: str,
        trace: str | None,
        fields: dict[str, Any] | None = None,
    ) -> str:
        if trace is None and TRACEBACK in message:
            message, _, trace = message.partition("\n")
        at = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
        found = {"time": at, "level": level, "logger": logger, "message": message}
        found |= {"worker": self._worker, **(fields or {}), "traceback": trace}
        shown = {name: value for name, value in found.items() if value is not None}
        return json.dumps(shown, default=str) + "\n"


def lines_of(form: str) -> Lines:
    """Return the lines of a format, ``text`` or ``json``."""
    return JsonLines() if form == JSON else TextLines()


def escape_all() -> None:
    """Escape all events from now on, for the observers that are added later.

    Not by observers of our own around others: under twistd the others may be twistd's.
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


class _Records(logging.Formatter):
    """A formatter of the standard library's log: escapes as ``_escape``, and sets lines apart."""

    def format(self, record: logging.LogRecord) -> str:
        return printable_lines(super().format(record)).replace("\n", "\n\t")


def _first(event: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((event[key] for key in keys if event.get(key) not in (None, "", "-")), None)
