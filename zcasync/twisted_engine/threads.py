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
from zcasync.perform.surroundings import OF_THREAD, Surroundings
from zcasync.protocol.outcomes import Ended
from zcasync.supervisor.children.backoff import Backoff
from zcasync.supervisor.children.state import WORKING, ChildState, State
from zcasync.text import printable

log = Logger()

#: The seconds that idle threads may take to end, after the end of the grace period.
LEAVE_SECONDS = 0.5


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
        options.setdefault("say", self._log)
        surroundings = Surroundings(OF_THREAD)  # what is the process's is the application's
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


class ThreadPool:
    """A pool like :class:`zcasync.supervisor.children.pool.Pool`, with threads for children.

    A subclass may make other workers.
    """

    worker_class: type[ThreadWorker] = ThreadWorker

    def __init__(
        self,
        reactor: Any,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        changed: Callable[[Any], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        self.children: dict[int, ThreadWorker] = {}
        self.size = 0
        self.backoff = Backoff(reactor.seconds)
        self._reactor = reactor
        self._open_databases = open_databases
        self._incarnation = incarnation
        self._changed = changed
        self._died = died
        self._all_gone: Deferred[list[str]] | None = None
        self._timer: Any = None  # for the next try, or for the end of the grace period

    @property
    def boot_problem(self) -> str | None:
        """The reason why threads cannot begin; None: they can."""
        return self.backoff.problem

    def _make(self, slot: int) -> ThreadWorker:
        """Return a new worker for a slot."""
        return self.worker_class(
            self._reactor,
            slot,
            self._open_databases,
            self._incarnation,
            self._worker_changed,
            self._child_gone,
        )

    def set_size(self, size: int) -> None:
        """Keep this many threads from now on; surplus ones end after their job."""
        if self._all_gone is not None:
            return
        self.size = size
        self._fill()
        for slot, child in list(self.children.items()):
            if slot >= size:
                child.finish()

    def _fill(self) -> None:
        """Start the missing threads; after a failed attempt, only after a pause."""
        if self._all_gone is not None:
            return
        missing = [slot for slot in range(self.size) if slot not in self.children]
        if missing and self.backoff.wait > 0:
            if self._timer is None or not self._timer.active():
                self._timer = self._reactor.callLater(self.backoff.wait, self._fill)
            return
        for slot in missing:
            self.children[slot] = self._make(slot)

    def ready(self) -> list[ThreadWorker]:
        """Return the threads that can take jobs."""
        return [
            child
            for child in self.children.values()
            if child.state in WORKING and child.slot < self.size
        ]

    def stop(self, grace: float) -> Deferred[list[str]]:
        """Let the threads end their jobs within ``grace`` seconds.  Safe to repeat.

        Fires when no thread is left, or after that time with the ids of the jobs that still run: a
        thread cannot be killed.
        """
        if self._all_gone is None:
            self._all_gone = Deferred()
            self._cancel_timer()
            for child in list(self.children.values()):
                child.finish()
            self._timer = self._reactor.callLater(grace, self._end_grace)
            self._fire_when_empty()
        return self._all_gone

    def kill_all(self, reason: str) -> None:
        """Log for each thread with a job why it should be killed: a thread cannot be killed."""
        for child in self.children.values():
            if child.outstanding:
                child.kill(reason)

    def _end_grace(self) -> None:
        for child in self.children.values():
            child.drop_deferreds()
        self._timer = self._reactor.callLater(LEAVE_SECONDS, self._leave)

    def _leave(self) -> None:
        """Fire although threads are left, with the ids of their jobs."""
        jobs = [child.job_id() for child in self.children.values()]
        self._fire([job for job in jobs if job is not None])

    def _fire_when_empty(self) -> None:
        if not self.children:
            self._fire([])

    def _fire(self, left: list[str]) -> None:
        if self._all_gone is not None and not self._all_gone.called:
            self._cancel_timer()
            self._all_gone.callback(left)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # what happens to threads

    def _worker_changed(self, child: ThreadWorker) -> None:
        if child.was_ready:
            self.backoff.ends(self._reactor.seconds())
        self._changed(child)

    def _child_gone(self, child: ThreadWorker, death: Death) -> None:
        if self.children.get(child.slot) is not child:
            return
        del self.children[child.slot]
        if death.exit_code != 0:
            self.backoff.failed(f"a thread for jobs has ended: {death.reason}")
        self._died(child.slot, death, child.is_free)
        self._fill()
        self._fire_when_empty()
