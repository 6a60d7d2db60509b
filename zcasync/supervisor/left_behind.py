"""What a supervisor leaves behind where its stop has hung: named for the log, and killed.

All of it is asked in other threads than the reactor's, which may be what hangs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from zcasync.protocol.left_threads import named
from zcasync.protocol.thread_stacks import busy_threads
from zcasync.supervisor import reactor_calls
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.pool import Pool
from zcasync.supervisor.children.state import State
from zcasync.supervisor.engine import Engine

#: The beginnings of the names of daemon threads that may hang in what jobs need.
OWN_THREADS = ("database", "opener", "application", "packer", "reactor job ", "thread jobs ")


def left_behind(engine: Engine | None) -> list[str]:
    """Return what is left now of an engine and of this process, each for people."""
    told = [_child(one) for one in _children(engine)]
    if engine is not None:
        told += jobs_here(engine)
        if engine.may_be_named:
            told.append(f"engine {engine.UUID} as a ghost: the next start takes its work over")
    return told + _threads()


def kill_children(engine: Engine | None) -> None:
    """Kill the children of an engine, with all processes of their groups."""
    for child in _children(engine):
        child.kill_group()


def end_server(pid: int | None) -> None:
    """Let the database server end, where there is one; it ends with this process, too."""
    if pid is not None:
        for number in (signal.SIGTERM, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _children(engine: Engine | None) -> Iterator[Child]:
    pools = [] if engine is None else engine.executors.pools
    for pool in pools:
        if isinstance(pool, Pool):
            yield from (one for one in pool.processes() if one.pid and one.state != State.GONE)


def _child(child: Child) -> str:
    job = child.job_id()
    return f"child {child.pid} ({child.place}{'' if job is None else f', at job {job}'}), killed"


def _threads() -> list[str]:
    """Return the threads that hang, or that keep the process from ending."""
    main = threading.main_thread()
    told = [f"the reactor's thread at {one.place}" for one in busy_threads([main])]
    busy = busy_threads(one for one in threading.enumerate() if one is not main)
    ours = [one for one in busy if not one.is_daemon or one.name.startswith(OWN_THREADS)]
    return told + [which for are in (False, True) if (which := named(ours, daemons=are))]


def jobs_here(engine: Engine) -> list[str]:
    """Return the jobs of an engine that go on in this process, each for people."""
    executors = engine.executors
    if not executors.is_started:
        return []
    in_reactor = executors.reactor_jobs.running | executors.reactor_jobs.deferred
    told = [reactor_calls.named(in_reactor)] if in_reactor else []
    if not isinstance(executors.pool, Pool):
        jobs = [child.job_id() for child in list(executors.pool.children.values())]
        told += [f"job {job} in a thread of this process" for job in jobs if job is not None]
    return told
