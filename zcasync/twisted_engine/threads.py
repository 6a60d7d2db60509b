"""Performs thread jobs in threads of this process: no children, and so nothing can be killed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import blockingCallFromThread

from zcasync.child.job_queue import JobQueue
from zcasync.child.job_thread import JobThread, thread_target
from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Ended
from zcasync.supervisor.children.state import ChildState

if TYPE_CHECKING:  # it loads a reactor
    from zcasync.supervisor.children.pool import PoolFactory


class Performer(ChildState):
    """One thread that performs jobs as a child would.

    A subclass may have it done in another way: with the same books, but no thread.
    """

    def __init__(
        self,
        reactor: Any,
        slot: int,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        changed: Callable[[Any], None],
        gone: Callable[[Performer, Death], None],
    ) -> None:
        super().__init__(reactor, slot)
        self._changed = changed
        self._gone = gone
        self._jobs = JobQueue()
        self._job_thread = self._make_job_thread(open_databases, incarnation)
        self.problem: BaseException | None = None
        self._start()

    def _make_job_thread(
        self, open_databases: Callable[[], Any], incarnation: bytes, **options: Any
    ) -> JobThread:
        return JobThread(
            open_databases,
            incarnation,
            self._jobs,
            ready=lambda: self._in_reactor(self._ready),
            begin=self._begin,
            ended=lambda ended: self._in_reactor(self._ended, ended),
            watch=self._watch,
            wait=self._wait,
            **options,
        )

    def _start(self) -> None:
        work = thread_target(self._job_thread.run, self._failed)

        def work_and_leave() -> None:
            work()
            self._in_reactor(self._left)

        self.thread = threading.Thread(
            target=work_and_leave, name=f"thread jobs {self.slot}", daemon=True
        )
        self.thread.start()

    def _in_reactor(self, call: Callable[..., Any], *args: Any) -> None:
        self._reactor.callFromThread(call, *args)

    def _begin(self, oid: bytes, at_once: bool) -> None:
        """Nobody asks what it is at."""

    def _wait(self, deferred: Any) -> Any:
        return blockingCallFromThread(self._reactor, lambda: deferred)

    def _failed(self, error: BaseException) -> None:
        self.problem = error

    def _ready(self) -> None:
        self.note_ready()
        self._changed(self)

    def _ended(self, ended: Ended) -> None:
        self.note_completed(ended.oids, ended.moments)
        for oid in ended.oids:
            self.note_ended(oid, ended.ending, ended.microseconds / 1e6, ended.detail)
        self._changed(self)

    def _watch(self, oid: bytes, deferred: Any) -> None:
        self._in_reactor(deferred.addBoth, lambda value: self._jobs.add_fired(oid, value))

    def _left(self) -> None:
        self.move_to("gone")
        failed = self.problem is not None
        self._gone(self, Death(pid=0, exit_code=1 if failed else 0, reason=repr(self.problem)))

    def perform(self, oids: list[bytes], tid: bytes | None = None) -> None:
        """Give it jobs, which were claimed by this transaction."""
        self.note_given(oids)
        self._jobs.add(oids, tid)

    def take_back(self) -> Deferred[list[bytes]]:
        """Take back what it has not begun."""
        oids = self._jobs.take_back()
        self.note_returned(oids)
        return succeed(oids)

    def finish(self) -> None:
        """Let it end after the job it is at."""
        if self.state != "stopping":
            self.move_to("stopping")
        self._jobs.take_back()
        self._jobs.finish()


class ThreadPool:
    """The same as :class:`zcasync.supervisor.children.pool.Pool`, with threads instead of children.

    Or with other performers that a subclass makes.
    """

    boot_problem = None

    def __init__(
        self,
        reactor: Any,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        changed: Callable[[Any], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        self.children: dict[int, Performer] = {}
        self.size = 0
        self._reactor = reactor
        self._open_databases = open_databases
        self._incarnation = incarnation
        self._changed = changed
        self._died = died
        self._all_gone: Deferred[None] | None = None

    def _make(self, slot: int) -> Performer:
        """The performer of a slot."""
        return Performer(
            self._reactor,
            slot,
            self._open_databases,
            self._incarnation,
            self._changed,
            self._child_gone,
        )

    def set_size(self, size: int) -> None:
        """From now on so many threads; surplus ones end after their job."""
        if self._all_gone is not None:
            return
        self.size = size
        for slot in range(size):
            if slot not in self.children:
                self.children[slot] = self._make(slot)
        for slot, child in self.children.items():
            if slot >= size and child.state != "stopping":
                child.finish()

    def ready(self) -> list[Performer]:
        """The threads that can take jobs."""
        return [
            child
            for child in self.children.values()
            if child.state in ("idle", "busy") and child.slot < self.size
        ]

    def stop(self, grace: float) -> Deferred[None]:
        """Let the threads end their jobs.  A thread cannot be killed: this waits for all of them.

        Threads without a job are gone when this returns.
        """
        if self._all_gone is None:
            self._all_gone = Deferred()
            idle = [child for child in self.children.values() if not child.outstanding]
            for child in list(self.children.values()):
                child.finish()
            for child in idle:
                child.thread.join()
                self._child_gone_now(child)
            self._fire_when_empty()
        return self._all_gone

    def _child_gone_now(self, child: Performer) -> None:
        if self.children.pop(child.slot, None) is not None:
            self._died(child.slot, Death(pid=0, exit_code=0), True)

    def _child_gone(self, child: Performer, death: Death) -> None:
        if self.children.get(child.slot) is child:
            del self.children[child.slot]
            clean = death.exit_code == 0 and not child.outstanding
            self._died(child.slot, death, clean)
            self._fire_when_empty()

    def _fire_when_empty(self) -> None:
        if self._all_gone is not None and not self.children and not self._all_gone.called:
            self._all_gone.callback(None)

    def kill_all(self, reason: str) -> None:
        """Threads cannot be killed; they end after their jobs."""
        for child in self.children.values():
            child.finish()


def thread_pool(reactor: Any, db: Any) -> PoolFactory:
    """Makes pools of threads with connections of ``db``."""

    def make(engine: uuid.UUID, incarnation: bytes, changed: Any, died: Any) -> ThreadPool:
        return ThreadPool(reactor, lambda: db, incarnation, changed, died)

    return make
