"""The failure log: a line for each call that fails or is to be attempted again, of bounded volume.

The same failure (call, type and message) gets one line in a minute, at once, with its traceback;
how often it came again, and in which job last, is said at the end of the minute.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from twisted.logger import Logger

from zcasync import clock
from zcasync.perform.notices import Notice

log = Logger()

#: Alike failures are counted for so long.
PERIOD_SECONDS = 60.0
#: So many different ones are logged in that time; those beyond are only counted.
MOST_KINDS = 100


class Kind(NamedTuple):
    """All that failures have in common which get one line."""

    call: str
    type: str
    message: str
    is_retry: bool

    @property
    def text(self) -> str:
        """The failure in words, without the job."""
        what = "failed and is attempted again" if self.is_retry else "failed"
        return f"{self.call} {what}: {self.type}: {self.message}"


class FailureLog:
    """Logs the notices of one engine; ``reactor`` is its clock."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._more: Counter[Kind] = Counter()  # those that came after the first of their kind
        self._last: dict[Kind, str] = {}  # the job of the last of them
        self._others = 0
        self._timer: Any = None

    def tell(self, notice: Notice) -> None:
        """Log a failure, or count it.  In the reactor's thread."""
        is_retry = notice.again_at is not None
        kind = Kind(notice.call, notice.type, notice.message, is_retry)
        if self._timer is None:
            self._timer = self._reactor.callLater(PERIOD_SECONDS, self.sum_up)
        if kind in self._more:
            self._more[kind] += 1
            self._last[kind] = notice.job
        elif len(self._more) >= MOST_KINDS:
            self._others += 1
        else:
            self._more[kind] = 0
            write = log.warn if is_retry else log.error
            write("{line}", line=line(notice))

    def sum_up(self) -> None:
        """Log what was only counted, and begin anew.  Safe to repeat."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        for kind, count in self._more.items():
            if count:
                log.warn(
                    "... and {count} more like this in the last minute, the last one job {job}: "
                    "{what}",
                    count=f"{count:,}",
                    job=self._last[kind],
                    what=kind.text,
                )
        if self._others:
            log.warn(
                "... and {count} more failures of other kinds in the last minute; zcasync jobs "
                "lists the jobs",
                count=f"{self._others:,}",
            )
        self._more, self._last, self._others = Counter(), {}, 0


def line(notice: Notice) -> str:
    """Return a notice as the log has it: one line, and for a final failure the traceback."""
    name = f"job {notice.job} ({notice.call})"
    if notice.callback_of:
        name += f", a callback of job {notice.callback_of},"
    count = notice.attempts
    why = f"{notice.type}: {notice.message}".replace("\n", " ")
    if notice.again_at is not None:
        moment = clock.to_datetime(notice.again_at)
        at = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
        return f"{name} failed in attempt {count} and is attempted again at {at}: {why}"
    attempts = f"{count} attempt" if count == 1 else f"{count} attempts"
    return f"{name} failed after {attempts}: {why}\n{notice.traceback.rstrip()}"
