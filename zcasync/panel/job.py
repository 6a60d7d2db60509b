"""One job: all that there is to see of it, and what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zcasync.control.again import why_not
from zcasync.control.jobs import Job, find_job
from zcasync.errors import BadStateError
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.reports import running
from zcasync.reports.job import describe, release
from zcasync.reports.reasons import with_reason
from zcasync.reports.transactions import committed


@dataclass(frozen=True)
class JobPage:
    """One job as data, in the form of ``zcasync job --json``."""

    job: dict[str, Any]
    can_cancel: bool
    can_retry: bool

    @property
    def is_at_work(self) -> bool:
        """True where a process may be in the middle of the call."""
        return self.job["state"] == ACTIVE and self.job["waits_for"] is None


def look_up(connection: Any, manager: Any, job: Job, supervisor: Any) -> JobPage:
    """Return one job.  Raises Refusal where there is none."""
    partial = find_job(connection, job)
    form = describe if manager is None else with_reason(manager, supervisor, describe)
    found = {**form(partial), **committed(partial)}
    running.add([found], supervisor)
    is_readable = found["state"] is not None and not found["problem"]
    can_retry = is_readable and found["state"] == COMPLETED and _may_run_again(partial)
    release(partial)
    return JobPage(found, is_readable and found["state"] in (PENDING, ACTIVE), can_retry)


def _may_run_again(partial: Any) -> bool:
    try:
        return why_not(partial) is None
    except BadStateError:
        return False
