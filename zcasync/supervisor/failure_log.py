"""The failure log: a line for each call that fails or is to be attempted again, of bounded volume.

The same failure (call, type and message) gets one line in a minute, at once, with its traceback;
how often it came again is said at the end of the minute.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from twisted.logger import Logger

from zcasync import clock
from zcasync.perform.notices import Notice
from zcasync.text import printable

log = Logger()

#: Alike failures are counted for so long.
PERIOD_SECONDS = 60.0
#: So many different ones are logged in that time, and so many that are attempted again: a flood of
#: the one kind must not hide the other.  Those beyond are only counted.
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
        return printable(f"{self.call} {what}: {self.type}: {self.message}")


class Counts:
    """The failures of a minute, of those that are final or of those that are not.

    ``more``: how many of each kind came after the first one; ``last``: the job of the last of
    these.  ``others``: of kinds too many.
    """

    def __init__(self) -> None:
        self.more: Counter[Kind] = Counter()
        self.last: dict[Kind, str] = {}
        self.others = 0

    def is_first(self, kind: Kind, job: str) -> bool:
        """Count a failure of a job; return whether it is to have a line of its own."""
        if kind in self.more:
            self.more[kind] += 1
            self.last[kind] = job
        elif len(self.more) >= MOST_KINDS:
            self.others += 1
        else:
            self.more[kind] = 0
            return True
        return False


class FailureLog:
    """Logs the notices of one engine; ``reactor`` is its clock."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._finals, self._retries = Counts(), Counts()
        self._timer: Any = None

    def tell(self, notice: Notice) -> None:
        """Log a failure, or count it.  In the reactor's thread."""
        is_retry = notice.again_at is not None
        kind = Kind(notice.call, notice.type, notice.message, is_retry)
        if self._timer is None:
            self._timer = self._reactor.callLater(PERIOD_SECONDS, self.sum_up)
        if (self._retries if is_retry else self._finals).is_first(kind, notice.job):
            write = log.warn if is_retry else log.error
            about = {"job": notice.job, "callable": notice.call, "attempt": notice.attempts}
            write("{line}", line=line(notice), **about)

    def sum_up(self) -> None:
        """Log what was only counted, and begin anew.  Safe to repeat."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        for counts, name in ((self._finals, "failures"), (self._retries, "retries")):
            _log_counts(counts, name)
        self._finals, self._retries = Counts(), Counts()


def _log_counts(counts: Counts, name: str) -> None:
    for kind, count in counts.more.items():
        if count:
            log.warn(
                "... and {count} more like this in the last minute, the last one job {job}: {what}",
                count=f"{count:,}",
                job=counts.last[kind],
                what=kind.text,
            )
    if counts.others:
        log.warn(
            "... and {count} more {name} of other kinds in the last minute; zcasync jobs lists "
            "the jobs",
            count=f"{counts.others:,}",
            name=name,
        )


def line(notice: Notice) -> str:
    """Return a notice as the log has it: one line, and for a final failure the traceback."""
    name = f"job {notice.job} ({printable(notice.call)})"
    if notice.callback_of:
        name += f", a callback of job {notice.callback_of},"
    count = notice.attempts
    why = printable(f"{notice.type}: {notice.message}")
    if notice.again_at is not None:
        moment = clock.to_datetime(notice.again_at)
        at = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
        return f"{name} failed in attempt {count} and is attempted again at {at}: {why}"
    attempts = f"{count} attempt" if count == 1 else f"{count} attempts"
    return f"{name} failed after {attempts}: {why}\n{notice.traceback.rstrip()}"
