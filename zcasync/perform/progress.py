"""Progress of running jobs: reported from inside a job, past the database, to operators.

A job's own transaction shows nothing before it commits, so reports take another way: a child sends
them to its supervisor, which shows them in ``zcasync status``, ``job`` and ``jobs`` and, less and
less often, records them in the partial's annotations for processes on other machines.  The last one
is kept with the result.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zcasync import clock
from zcasync.job.failure import is_failure

if TYPE_CHECKING:
    from zcasync.job.record import PartialRecord

#: Reports of one job that follow each other faster than this are dropped, seconds.
SHORTEST_INTERVAL = 0.3
MESSAGE_LIMIT_CHARACTERS = 200
#: The annotation that holds the last recorded report.
ANNOTATION = "zcasync.progress"
#: The last reports of so many jobs of this process are kept: of those that have not ended yet.
KEPT_JOBS = 1000

_current: ContextVar[PartialRecord | None] = ContextVar("zcasync.current", default=None)
_heard: ContextVar[bytes | None] = ContextVar("zcasync.heard", default=None)


@dataclass(frozen=True)
class Progress:
    """One report of a job: ``done`` of ``total`` (None: unknown), and a message.

    ``at``: when it was made, microseconds since 1970.
    """

    done: float
    total: float | None
    message: str
    at: int

    @property
    def is_short(self) -> bool:
        """True where not all that was to be done is done."""
        return self.total is not None and self.done < self.total

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON and for annotations."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Progress:
        """Return the report for what ``as_dict`` returned.  Raises KeyError."""
        return cls(found["done"], found["total"], found["message"], found["at"])


#: Takes a report of the job with this oid.
Reporter = Callable[[bytes, Progress], None]
#: Makes a call after so many seconds, in another thread than that of the jobs.
Later = Callable[[float, Callable[[], None]], None]


class _Reports:
    """The receiver of this process's reports, and what was reported."""

    def __init__(self) -> None:
        self.reporter: Reporter | None = None
        self.later: Later | None = None
        self.has_one_job = False
        self.only: bytes | None = None  # the job that runs, where there is one at a time
        self.sent: tuple[bytes, float] = (
            b"",
            float("-inf"),
        )  # the job of the last one, and its time
        self.waiting: tuple[bytes, Progress] | None = None  # to be sent in a moment
        self.is_armed = False
        self.last: OrderedDict[bytes, Progress] = OrderedDict()  # by the oids of their jobs

    def keep(self, oid: bytes, progress: Progress) -> None:
        """Keep the last report of a job for its end."""
        self.last[oid] = progress
        while len(self.last) > KEPT_JOBS:
            self.last.popitem(last=False)

    def send(self, oid: bytes, progress: Progress) -> None:
        """Give a report to the reporter: at once, or the newest one in a moment."""
        if self.reporter is None:
            return
        now = time.monotonic()
        job, last = self.sent
        is_last = progress.total is not None and progress.done >= progress.total
        wait = SHORTEST_INTERVAL - (now - last)
        if job == oid and wait > 0 and not is_last:
            self.waiting = (oid, progress)
            if self.later is not None and not self.is_armed:
                self.is_armed = True
                self.later(wait, self._send_waiting)
            return
        self.sent, self.waiting = (oid, now), None
        self.reporter(oid, progress)

    def _send_waiting(self) -> None:
        self.is_armed = False
        waiting, self.waiting = self.waiting, None
        if waiting is not None and self.reporter is not None:  # its job runs still
            self.sent = (waiting[0], time.monotonic())
            self.reporter(*waiting)


_reports = _Reports()


def report_to(
    reporter: Reporter | None, has_one_job: bool = False, later: Later | None = None
) -> None:
    """Send this process's reports to ``reporter``; None: drop them.

    ``has_one_job``: only one job runs at a time, so reports of any thread are that job's.
    ``later(seconds, call)`` makes a call in the thread that hears what the reporter is given: a
    report that came too soon after another one is sent then, if it is the newest still.
    """
    _reports.reporter, _reports.later = reporter, later
    _reports.has_one_job = has_one_job


def current() -> PartialRecord | None:
    """Return the partial whose call is running here; None outside a call."""
    return _current.get()


@contextlib.contextmanager
def running(partial: PartialRecord) -> Iterator[None]:
    """Make ``partial`` the current one within the ``with`` block, and its call heard."""
    token = _current.set(partial)
    try:
        with heard(partial._p_oid):
            yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def heard(oid: bytes | None) -> Iterator[None]:
    """Take reports within the ``with`` block as those of this job; None: it is not stored."""
    token = _heard.set(oid)
    if oid is not None:
        _reports.last.pop(oid, None)  # of an earlier attempt
    before, _reports.only = _reports.only, oid if _reports.has_one_job else None
    try:
        yield
    finally:
        _reports.only, _reports.waiting = before, None
        _heard.reset(token)


def progress(done: float, total: float | None = None, message: str = "") -> None:
    """Report from inside a job how far it is.  Costs next to nothing; call it as often as you like.

    ``done`` of ``total`` in any unit; a ``total`` of None is unknown.  Of reports that follow each
    other within 0.3 s the last one is seen.  Outside a job nothing happens.
    """
    oid = _heard.get() or _reports.only
    if oid is None:
        return
    report = Progress(done, total, str(message)[:MESSAGE_LIMIT_CHARACTERS], clock.now())
    _reports.keep(oid, report)
    _reports.send(oid, report)


def keep_last(partial: PartialRecord) -> None:
    """Keep in the record what its call has reported last, if anything: it ends now."""
    last = _reports.last.get(partial._p_oid or b"")
    if last is not None:
        partial.keep_progress((last.done, last.total, last.message, last.at))


def kept(partial: PartialRecord) -> Progress | None:
    """Return what a call that is over has reported last; None: nothing that is known.

    Where it was ended from outside that is what was noted on its way.
    """
    if partial.last_progress is not None:
        return Progress(*partial.last_progress)
    found = partial.annotations.get(ANNOTATION) if is_failure(partial.stored_result) else None
    return None if found is None else Progress.from_dict(found)


def noted(partial: PartialRecord) -> Progress | None:
    """Return what this attempt has reported last according to the annotations; None: nothing."""
    found = partial.annotations.get(ANNOTATION)
    if found is None or found.get("run", _run_of(partial)) != _run_of(partial):
        return None
    return Progress.from_dict(found)


def note(partial: PartialRecord, progress: Progress) -> None:
    """Note what an attempt has reported in the annotations, for processes elsewhere."""
    partial.annotations[ANNOTATION] = {**progress.as_dict(), "run": _run_of(partial)}


def _run_of(partial: PartialRecord) -> tuple[int, int]:
    """Return what tells the attempts at a call apart."""
    return partial.attempts, partial.interruptions
