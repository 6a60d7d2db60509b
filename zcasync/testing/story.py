"""An engine on a fake reactor in this process: deterministic but for the threads of thread jobs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial as bound
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred

from zcasync.instance.settings import Settings
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.waiting import wait_for_result
from zcasync.twisted_engine.threads import thread_pool

if TYPE_CHECKING:  # the supervisor's modules load a reactor: not before an engine is made
    from zcasync.supervisor.engine import Engine
    from zcasync.supervisor.keeper import EngineKeeper
    from zcasync.supervisor.reactor_jobs import ReactorJobs


class InlineThread:
    """Does the engine's database work in the caller's thread."""

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        """Call it now."""
        return maybeDeferred(function, *args)

    def close(self) -> None:
        """Nothing to close."""


def inline_reactor_jobs(reactor: Any, db: Any, incarnation: bytes, ended: Any) -> ReactorJobs:
    """Reactor jobs that are performed within the reactor's call that starts them."""
    from zcasync.supervisor.reactor_jobs import ReactorJobs

    return ReactorJobs(
        reactor,
        db,
        incarnation,
        ended,
        threads=lambda work, oid, do: work(oid, do),
        from_thread=lambda reactor, call, *args: call(*args),
    )


def story_engine(
    db: Any,
    worker: uuid.UUID,
    reactor: Any,
    lost: Callable[[BaseException], None] = lambda error: None,
) -> Engine:
    """An engine that does all but thread jobs in the reactor's thread."""
    from zcasync.supervisor.engine import Engine
    from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts

    return Engine(
        db,
        worker,
        reactor=reactor,
        settings=Settings(),
        parts=EngineParts(thread_pool(reactor, db), inline_reactor_jobs, InlineThread()),
        callbacks=EngineCallbacks(lost=lost),
    )


def story_keeper(db: Any, worker: uuid.UUID, reactor: Any) -> EngineKeeper:
    """Keeps such an engine running."""
    from zcasync.supervisor.keeper import EngineKeeper

    return EngineKeeper(reactor, bound(story_engine, db, worker, reactor))


class Story:
    """A fake reactor and an engine for ``db``; use it as a context manager.

    ``worker``: its UUID; None: a new one.  ``reactor`` None: a new one, in which it is now.
    ``time_flies`` and ``time_passes`` are the reactor's.
    """

    def __init__(
        self, db: Any, worker: uuid.UUID | None = None, *, reactor: FakeReactor | None = None
    ) -> None:
        self.reactor = FakeReactor() if reactor is None else reactor
        self.time_flies = self.reactor.time_flies
        self.time_passes = self.reactor.time_passes
        self.engine = story_engine(db, worker or uuid.uuid4(), self.reactor)

    def __enter__(self) -> Story:
        self.reactor.install()
        self.engine.start()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            stopped = self.engine.stop()
            deadline = time.monotonic() + 30
            while not stopped.called:
                busy = [child.job_id() for child in self.engine.executors.pool.children.values()]
                assert time.monotonic() < deadline, f"thread jobs that do not end: {busy}"
                self.time_flies(0)
                time.sleep(0.001)  # let the threads work
        finally:
            self.reactor.uninstall()

    def wait_for_result(self, partial: Any, seconds: float = 30.0) -> Any:
        """Let time fly until the partial is COMPLETED; returns its result."""
        return wait_for_result(partial, turn=bound(self.time_flies, 5), seconds=seconds)
