"""What a supervisor answers to status."""

from __future__ import annotations

import os
from typing import Any

from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instance.settings import Settings
from zcasync.job.ids import hex_oid
from zcasync.perform.progress import Progress
from zcasync.supervisor.application import SupervisorApplication
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.pool import Pool
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.children.state import NO_SLOT, State
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.zeo_server.process import ServerProcess


def status_of(
    engine: Engine | None,
    server: ServerProcess | None,
    application: SupervisorApplication,
    settings: Settings,
    starts: str | None,
) -> dict[str, Any]:
    """Return what a supervisor knows of itself without asking the database.

    ``starts``: what its start waits for; None: it has started.
    """
    pool = pool_of(engine)
    return {
        "pid": os.getpid(),
        "engine": None if engine is None else str(engine.UUID),
        "identity": ProcessIdentity.here().as_dict(),
        "wakeup": None if engine is None else engine.mode,
        "waiting_for": waiting_for(engine, server, application, starts),
        "clocks": None if engine is None else engine.clocks,
        "passes": None if engine is None else engine.metrics.as_dict(),
        "max_children": settings.max_children,
        "grace_period": settings.grace_period,
        "boot_problem": None if pool is None else pool.boot_problem,
        "boot": (None if pool is None else pool.backoff.as_dict()) or application.backoff.as_dict(),
        "reload": None if pool is None else pool.generations.as_dict(pool.processes()),
        "reactor_code": engine is not None and engine.executors.has_reactor_code,
        "server_pid": None if server is None else server.pid,
        "reactor_jobs": [] if engine is None else reactor_job_list(engine),
        "children": [] if pool is None else child_list(pool),
    }


def waiting_for(
    engine: Engine | None,
    server: ServerProcess | None,
    application: SupervisorApplication,
    starts: str | None,
) -> str | None:
    """Return what keeps a supervisor from working, the best reason there is; None: nothing does."""
    return (
        starts
        or (None if server is None else server.waiting_for)
        or (None if engine is None else engine.waiting_for)
        or application.waiting_for
    )


def work_of(engine: Engine | None) -> str:
    """Return in a few words what an engine is at, for service managers."""
    pool = pool_of(engine)
    if engine is None or pool is None:
        return "starts"
    states = [child.state for child in pool.processes()]
    counts = [f"{states.count(one)} {one}" for one in (State.BUSY, State.IDLE, State.BOOTING)]
    in_reactor = len(engine.executors.reactor_jobs.running)
    others = f"; reactor jobs: {in_reactor}" if in_reactor else ""
    problem = f"; {pool.boot_problem}" if pool.boot_problem else ""
    return f"children: {', '.join(counts)}{others}{problem}"


def pool_of(engine: Engine | None) -> Pool | None:
    """Return the children of an engine; None: it does not run."""
    if engine is None or not engine.executors.is_started:
        return None
    pool = engine.executors.pool
    assert isinstance(pool, Pool)
    return pool


def child_list(pool: Pool) -> list[dict[str, Any]]:
    """The children as ``status --json`` shows them."""
    return [
        {
            "pid": child.pid,
            "slot": None if child.slot == NO_SLOT else child.slot,
            "state": State.SPARE if child is pool.spare else child.state,
            "note": note(child, is_old=pool.generations.is_old(child)),
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


def note(child: Child, *, is_old: bool = False) -> str | None:
    """What an operator should know of a child besides its state; ``is_old``: since a reload."""
    if child.frozen_seconds is not None:
        return f"stopped by a signal for {child.frozen_seconds:.0f} s: kill -CONT {child.pid}"
    if child.slot == NO_SLOT and child.state == State.BOOTING:
        return "boots"
    return "old code: ends after its job" if is_old else None


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


def progress_of(engine: Engine | None, oid: bytes) -> dict[str, Any] | None:
    """What a job that runs here has reported last; None: nothing, or it does not run."""
    pool = pool_of(engine)
    if engine is None or pool is None:
        return None
    for child in pool.processes():
        if child.outstanding and child.outstanding[0] == oid:
            return _as_dict(child.progress)
    return _as_dict(engine.executors.progress.latest(oid))


def _as_dict(progress: Progress | None) -> dict[str, Any] | None:
    return None if progress is None else progress.as_dict()


def _rss(pid: int) -> int:
    found = ProcessInfo.of(pid)
    return 0 if found is None else found.rss
