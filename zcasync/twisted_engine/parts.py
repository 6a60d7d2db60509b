"""The parts of an engine in an application's process, which do its database work and its jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zcasync.supervisor.children.interfaces import PoolFactory
from zcasync.supervisor.database_thread import DatabaseThread, IDatabaseThread
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.twisted_engine.thread_pool import ThreadPool


def thread_pool(reactor: Any, db: Any, pool_class: type[ThreadPool] = ThreadPool) -> PoolFactory:
    """Return a factory of pools of threads with connections of ``db``."""

    def make(engine: uuid.UUID, incarnation: bytes, changed: Any, died: Any) -> ThreadPool:
        return pool_class(reactor, lambda: db, incarnation, changed, died)

    return make


@dataclass(frozen=True)
class ThreadedParts:
    """The factories for the parts of an engine whose thread jobs run in this process.

    ``make_pool(reactor, db)`` returns a factory of pools, ``make_reactor_jobs`` is called as
    :class:`~zcasync.supervisor.reactor_jobs.ReactorJobs` is, ``make_thread(reactor)`` makes the
    thread for the database work.
    """

    make_pool: Callable[[Any, Any], PoolFactory] = thread_pool
    make_reactor_jobs: Callable[..., ReactorJobs] = ReactorJobs
    make_thread: Callable[[Any], IDatabaseThread] = DatabaseThread


def is_turned_by_tests(reactor: Any) -> bool:
    """Return whether a test turns this reactor, which has no threads."""
    return hasattr(reactor, "engine_parts")


def parts_of(reactor: Any) -> ThreadedParts:
    """Return the parts for an engine in this reactor.

    They use threads, so that the reactor never waits for the storage.  A reactor that has no
    threads, because a test turns it, brings its own as ``engine_parts``.
    """
    found: ThreadedParts | None = getattr(reactor, "engine_parts", None)
    return ThreadedParts() if found is None else found
