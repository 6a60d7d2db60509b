"""Thread jobs in threads of this process: no children, and so nothing can be killed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import blockingCallFromThread
from twisted.logger import Logger

from zcasync.child.job_queue import JobQueue
from zcasync.child.job_thread import JobThread, thread_target
from zcasync.liveness.death import Death
from zcasync.perform.notices import Notice
from zcasync.perform.soft_limit import SoftLimit
from zcasync.perform.surroundings import OF_THREAD, Surroundings
from zcasync.perform.time_limit import bound_in
from zcasync.protocol.outcomes import Ended
from zcasync.supervisor.children.state import ChildState, State
from zcasync.text import printable

log = Logger()


class ThreadWorker(ChildState):
    """A thread that performs jobs as a child would.

    ``changed(worker)`` is called when it is ready or has ended a job, ``gone(worker, death)`` when
    the thread has ended.  A subclass may have the jobs done in another way, without a thread.
    """

    def __init__(
        self,
        reactor: Any,
        slot: int,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        changed: Callable[[Any], None],
        gone: Callable[[Any, Death], None],
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
        options = {"say": self._log, "conflicted": self.conflicts.add, **options}
        # What is the process's is the application's.  A thread can be told to end, and not killed.
        surroundings = Surroundings(OF_THREAD, SoftLimit(self._reactor).call)
        return JobThread(
            open_databases,
            incarnation,
            self._jobs,
            ready=lambda: self._in_reactor(self._ready),
            begin=self._begin,
            ended=lambda ended: self._in_reactor(self._ended, ended),
            watch=self._watch,
            wait=self._wait,
            tell=lambda notice: self._in_reactor(self._told, notice),
            invoke=surroundings.invoke,
            within=surroundings.within,
            bound=bound_in(self._reactor),
            **options,
        )

    def _start(self) -> None:
        work = thread_target(self._job_thread.run, self._failed)

        def work_and_leave() -> None:
            work()
            self._in_reactor(self._left)

        # A daemon: one that hangs in the storage must not hold up the exit.
        self.thread = threading.Thread(
            target=work_and_leave, name=f"thread jobs {self.slot}", daemon=True
        )
        self.thread.start()

    # in the thread

    def _in_reactor(self, call: Callable[..., Any], *args: Any) -> None:
        self._reactor.callFromThread(call, *args)

    def _begin(self, oid: bytes, at_once: bool) -> None:
        """Do nothing: no process asks a thread for its running job."""

    def _wait(self, deferred: Any) -> Any:
        return blockingCallFromThread(self._reactor, lambda: deferred)

    def _log(self, text: str) -> None:
        log.warn("thread jobs: {text}", text=printable(text))

    def _failed(self, error: BaseException) -> None:
        self.problem = error

    def _watch(self, oid: bytes, deferred: Any) -> None:
        self._jobs.hold(oid)
        self._in_reactor(deferred.addBoth, lambda value: self._jobs.add_fired(oid, value))

    # in the reactor's thread

    def _ready(self) -> None:
        self.note_ready()
        self._changed(self)

    def _ended(self, ended: Ended) -> None:
        self.note_completed(ended.oids, ended.completions)
        for oid in ended.oids:
            self.note_ended(oid, ended.ending, ended.microseconds / 1e6, ended.detail)
        self._changed(self)

    def _told(self, notice: Notice) -> None:
        self.note_told(notice)
        self._changed(self)

    def _left(self) -> None:
        self.move_to(State.GONE)
        if self.problem is None:
            death = Death(pid=0, exit_code=0, at_stake=self.at_stake)
        else:
            why = repr(self.problem)
            death = Death(pid=0, exit_code=1, reason=why, at_stake=self.at_stake)
        self._gone(self, death)

    def perform(self, oids: list[bytes], tid: bytes | None = None) -> None:
        """Assign it jobs, which were claimed by this transaction."""
        self.note_given(oids)
        self._jobs.add(oids, tid)

    def reorder(self, oids: list[bytes]) -> None:
        """Let it perform in this order what it has not begun."""
        self.note_order(frozenset(self.outstanding), self._jobs.reorder(oids))

    def take_back(self) -> Deferred[list[bytes]]:
        """Revoke the jobs that it has not begun."""
        oids = self._jobs.take_back()
        self.note_returned(oids)
        return succeed(oids)

    def finish(self) -> None:
        """Let the thread end after its running job and the Deferreds that its jobs wait for."""
        if self.state == State.STOPPING:
            return
        self.move_to(State.STOPPING)
        oids = self._jobs.take_back()
        self.note_given_back(oids)
        self._jobs.finish()
        if oids:
            self._changed(self)

    def drop_deferreds(self) -> None:
        """Stop waiting for Deferreds in the thread; their results are lost."""
        self._jobs.drop_held()

    def kill(self, reason: str) -> None:
        """Log why it should be killed: a thread cannot be, so its job goes on."""
        log.warn(
            "job {job} should be stopped ({why}), but a thread of this process cannot be: it goes "
            "on until it ends by itself",
            job=self.job_id(),
            why=reason,
        )
