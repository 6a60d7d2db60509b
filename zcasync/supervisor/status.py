"""What a supervisor answers to status."""

from __future__ import annotations

from typing import Any

import psutil

from zcasync.job.ids import hex_oid
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.state import SPARE
from zcasync.supervisor.engine import Engine


def child_list(pool: Any) -> list[dict[str, Any]]:
    """The children as ``status --json`` shows them."""
    return [
        {
            "pid": child.pid,
            "slot": None if child.slot == SPARE else child.slot,
            "state": "spare" if child is pool.spare else child.state,
            "note": note(child),
            "job": child.job_id(),
            "progress": None if child.progress is None else child.progress.as_dict(),
            "in_hand": len(child.outstanding),
            "jobs_done": child.jobs_done,
            "rss": _rss(child.pid),
        }
        for child in pool.processes()
        if child.state != "gone"
    ]


def note(child: Child) -> str | None:
    """What an operator should know of a child besides its state."""
    if child.frozen_seconds is not None:
        return f"stopped by a signal for {child.frozen_seconds:.0f} s: kill -CONT {child.pid}"
    return "boots" if child.slot == SPARE and child.state == "booting" else None


def reactor_job_list(engine: Engine) -> list[dict[str, Any]]:
    """The reactor jobs that run or wait for a Deferred, with what they last said."""
    jobs = engine.performers.reactor_jobs
    found = []
    for oid in sorted(jobs.running | jobs.deferred) if jobs is not None else ():
        progress = engine.performers.noting.latest(oid)
        said = None if progress is None else progress.as_dict()
        found.append({"job": hex_oid(oid), "progress": said})
    return found


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
