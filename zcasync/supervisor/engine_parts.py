"""The parts of an engine, and its callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zcasync.liveness.watch import Watch
from zcasync.supervisor.children.interfaces import PoolFactory
from zcasync.supervisor.database_thread import IDatabaseThread
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.workers.claims_snapshot import ClaimsSnapshot


@dataclass(frozen=True)
class EngineParts:
    """The parts of an engine; the defaults are those of a process of its own.

    ``make_pool`` makes the pool of those that perform thread jobs, ``make_reactor_jobs(reactor, db,
    incarnation oid, ended)`` what performs reactor jobs, ``make_checkers`` the pool of those that
    check these; None: all may be loaded in this process.  ``thread`` does the database work; None:
    a new thread.  ``watch`` outlives the engine where another one follows it.
    """

    make_pool: PoolFactory
    make_reactor_jobs: Callable[..., ReactorJobs] = ReactorJobs
    thread: IDatabaseThread | None = None
    watch: Watch = field(default_factory=Watch)
    environment: Environment = field(default_factory=Environment)
    make_checkers: PoolFactory | None = None


@dataclass(frozen=True)
class EngineCallbacks:
    """The callbacks of an engine.

    ``ready()`` when a thread job can be taken, ``lost(error)`` when the engine must not go on,
    ``held(snapshot)`` after each pass with what it holds, in the database thread.
    """

    ready: Callable[[], None] = lambda: None
    lost: Callable[[BaseException], None] = lambda error: None
    held: Callable[[ClaimsSnapshot], None] = lambda snapshot: None
