"""The parts of an engine that a test turns: all except thread jobs runs in the test's thread."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from zcasync.liveness.death import Death
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.twisted_engine.parts import ThreadedParts, thread_pool
from zcasync.twisted_engine.thread_pool import ThreadPool
from zcasync.twisted_engine.threads import ThreadWorker


class InlineThread:
    """A stand-in for the database thread: does its work in the caller's thread."""

    def run(self, function: Any, *args: Any) -> Deferred[Any]:
        """Call the function now."""
        return maybeDeferred(function, *args)

    def close(self) -> None:
        """Do nothing: there is no thread to close."""


def inline_reactor_jobs(reactor: Any, db: Any, incarnation: bytes, ended: Any) -> ReactorJobs:
    """Return reactor jobs that are performed within the reactor's call that starts them."""
    return ReactorJobs(
        reactor,
        db,
        incarnation,
        ended,
        threads=lambda work, oid, do: work(oid, do),
        from_thread=lambda reactor, call, *args: call(*args),
    )


class StoryWorker(ThreadWorker):
    """A thread for jobs that ends without waiting for Deferreds, for which no time would pass."""

    def _watch(self, oid: bytes, deferred: Any) -> None:
        self._in_reactor(deferred.addBoth, lambda value: self._jobs.add_fired(oid, value))


class StoryPool(ThreadPool):
    """Threads whose jobs take real time, independent of the time of the test's reactor."""

    worker_class = StoryWorker

    def stop(self, grace: float) -> Deferred[list[str]]:
        """Let the threads end their jobs; threads without a job are gone when this returns."""
        if self._all_gone is None:
            self._all_gone = Deferred()
            self._cancel_timer()
            idle = [child for child in self.children.values() if not child.outstanding]
            for child in list(self.children.values()):
                child.finish()
            for child in idle:
                child.thread.join()
                if self.children.pop(child.slot, None) is not None:
                    self._died(child.slot, Death(pid=0, exit_code=0), True)
            self._fire_when_empty()
        return self._all_gone


#: For an engine in a FakeReactor.
INLINE_PARTS = ThreadedParts(
    make_pool=partial(thread_pool, pool_class=StoryPool),
    make_reactor_jobs=inline_reactor_jobs,
    make_thread=lambda reactor: InlineThread(),
)
