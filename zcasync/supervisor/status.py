"""What a supervisor answers to status."""

from __future__ import annotations

from typing import Any

from zcasync.job.ids import hex_oid
from zcasync.perform.progress import Progress
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.pool import Pool
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.children.state import NO_SLOT, State
from zcasync.supervisor.engine import Engine


def child_list(pool: Pool) -> list[dict[str, Any]]:
    """The children as ``status --json`` shows them."""
    return [
        {
            "pid": child.pid,
            "slot": None if child.slot == NO_SLOT else child.slot,
            "state": State.SPARE if child is pool.spare else child.state,
            "note": note(child),
            "job": child.job_id(),
            "progress": _as_dict(child.progress),
            "wait": None if child.wait is None else child.wait.for_status(),
            "limits": limits_of(child),
            "in_hand": len(child.outstanding),
            "jobs_done": child.jobs_done,
            "rss": _rss(child.pid),
        }
        for child in pool.processes()
        if child.state != State.GONE
    ]


def limits_of(child: Child) -> dict[str, Any] | None:
    """The time limits of the call that a child makes, and its time so far; None: it has none."""
    return child.time_limit.as_dict()


def note(child: Child) -> str | None:
    """What an operator should know of a child besides its state."""
    if child.frozen_seconds is not None:
        return f"stopped by a signal for {child.frozen_seconds:.0f} s: kill -CONT {child.pid}"
    return "boots" if child.slot == NO_SLOT and child.state == State.BOOTING else None


def reactor_job_list(engine: Engine) -> list[dict[str, Any]]:
    """The reactor jobs that run or wait for a Deferred, with what they last said."""
    executors = engine.executors
    if not executors.is_started:
        return []
    jobs = executors.reactor_jobs
    return [
        {
            "job": hex_oid(oid),
            "progress": _as_dict(executors.progress.latest(oid)),
            "wait": jobs.wait_of(oid),
        }
        for oid in sorted(jobs.running | jobs.deferred)
    ]


def progress_of(pool: Pool, engine: Engine, oid: bytes) -> dict[str, Any] | None:
    """What a job that runs here has reported last; None: nothing, or it does not run."""
    for child in pool.processes():
        if child.outstanding and child.outstanding[0] == oid:
            return _as_dict(child.progress)
    return _as_dict(engine.executors.progress.latest(oid))


def _as_dict(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else progress.as_dict()


def _rss(pid: int) -> int:
    found = ProcessInfo.of(pid)
    return 0 if found is None else found.rss
