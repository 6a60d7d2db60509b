"""Progress of running jobs: reported from inside a job, past the database, to operators.

A job's own transaction shows nothing before it commits, so reports take another way: a child sends
them to its supervisor, which shows them in ``zcasync status``, ``job`` and ``jobs`` and, less and
less often, records them in the partial's annotations for processes on other machines.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zcasync import clock

if TYPE_CHECKING:
    from zcasync.job.record import PartialRecord

#: Reports of one job that follow each other faster than this are dropped, seconds.
SHORTEST_INTERVAL = 0.3
MESSAGE_LIMIT_CHARACTERS = 200
#: The annotation that holds the last recorded report.
ANNOTATION = "zcasync.progress"

_current: ContextVar[PartialRecord | None] = ContextVar("zcasync.current", default=None)


@dataclass(frozen=True)
class Progress:
    """One report of a job: ``done`` of ``total`` (None: unknown), and a message.

    ``at``: when it was made, microseconds since 1970.
    """

    done: float
    total: float | None
    message: str
    at: int

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON and for annotations."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Progress:
        """Return the report for what ``as_dict`` returned.  Raises KeyError."""
        return cls(found["done"], found["total"], found["message"], found["at"])


#: Takes a report of the job (None: the only one of this process).
Reporter = Callable[["PartialRecord | None", Progress], None]


class _Reports:
    """The receiver of this process's reports; ``last``: the job of the last one, and its time."""

    def __init__(self) -> None:
        self.reporter: Reporter | None = None
        self.has_one_job = False
        self.last: tuple[int, float] = (0, float("-inf"))


_reports = _Reports()


def report_to(reporter: Reporter | None, has_one_job: bool = False) -> None:
    """Send this process's reports to ``reporter``; None: drop them.

    ``has_one_job``: only one job runs at a time, so reports of any thread are that job's.
    """
    _reports.reporter = reporter
    _reports.has_one_job = has_one_job


def current() -> PartialRecord | None:
    """Return the partial whose call is running here; None outside a call."""
    return _current.get()


@contextlib.contextmanager
def running(partial: PartialRecord) -> Iterator[None]:
    """Make ``partial`` the current one within the ``with`` block."""
    token = _current.set(partial)
    try:
        yield
    finally:
        _current.reset(token)


def progress(done: float, total: float | None = None, message: str = "") -> None:
    """Report from inside a job how far it is.  Costs next to nothing; call it as often as you like.

    ``done`` of ``total`` in any unit; a ``total`` of None is unknown.  Reports that follow each
    other within 0.3 s are dropped, except the last one (``done >= total``).  Outside a worker
    nothing happens.
    """
    reporter = _reports.reporter
    partial = _current.get()
    if reporter is None or (partial is None and not _reports.has_one_job):
        return
    key, now = id(partial), time.monotonic()
    last_key, last = _reports.last
    is_last = total is not None and done >= total
    if key == last_key and now - last < SHORTEST_INTERVAL and not is_last:
        return
    _reports.last = (key, now)
    reporter(partial, Progress(done, total, str(message)[:MESSAGE_LIMIT_CHARACTERS], clock.now()))


def noted(partial: PartialRecord) -> Progress | None:
    """Return the last report in the partial's annotations; None: there is none."""
    found = partial.annotations.get(ANNOTATION)
    return None if found is None else Progress.from_dict(found)
