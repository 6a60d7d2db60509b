"""Simulated children: the real thread of jobs, without a thread, performs when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import transaction
from twisted.internet.defer import Deferred

from tests.simulation.databases import Databases
from tests.simulation.jobs import Crash, here
from zcasync.child.job_queue import Job
from zcasync.child.job_thread import JobThread
from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Ended, Ending
from zcasync.supervisor.children.state import WORKING, State
from zcasync.twisted_engine.thread_pool import ThreadPool
from zcasync.twisted_engine.threads import ThreadWorker

if TYPE_CHECKING:
    from tests.simulation.supervisors import Supervisor

#: How long a job takes, as children say: some are reserved ahead.
JOB_SECONDS = 0.02


class SimulatedChild(ThreadWorker):
    """A child in a slot of a supervisor.  What it says arrives when the supervisor next listens."""

    def __init__(
        self,
        supervisor: Supervisor,
        slot: int,
        incarnation: bytes,
        changed: Callable[[Any], None],
        gone: Callable[[Any, Death], None],
    ) -> None:
        self.supervisor = supervisor
        self.world = supervisor.world
        self.machine, self.offset = supervisor.machine, supervisor.offset
        self.transactions = transaction.TransactionManager()
        self.is_gone = self.is_frozen = False
        self.is_doomed = False  # it was killed while it is at work
        self.current: Job | None = None
        self._at: bytes | None = None  # the job that it has begun last
        self._said: bytes | None = None  # the same, where its output has told of it
        self._attached = False
        self.databases = Databases(self.world.servers)
        super().__init__(
            supervisor.reactor, slot, lambda: self.databases.db, incarnation, changed, gone
        )
        self.note_started(self.world.new_number())
        self.world.children.append(self)

    def __str__(self) -> str:
        return f"child {self.pid} of {self.supervisor}"

    # what the supervisor does

    def _make_job_thread(self, *args: Any, **options: Any) -> JobThread:
        timing, say = self.world.timing, self.world.note
        return super()._make_job_thread(*args, timing=timing, say=say)

    def _start(self) -> None:
        self._in_reactor(self._ready)

    def _in_reactor(self, call: Callable[..., Any], *args: Any) -> None:
        self.supervisor.post(call, *args)

    def _ready(self) -> None:
        if self.state == State.BOOTING:
            super()._ready()

    def perform(self, oids: list[bytes], tid: bytes | None = None) -> None:
        self.note_given(oids)
        if not self.is_gone:
            self._jobs.add(oids, tid)

    def reorder(self, oids: list[bytes]) -> None:
        if not self.is_gone:
            super().reorder(oids)

    def take_back(self) -> Deferred[list[bytes]]:
        # When it is gone, its death will tell.
        return Deferred() if self.is_gone else super().take_back()

    def finish(self) -> None:
        if self.state == State.BOOTING:
            self.kill("not needed any more")
        elif self.state in WORKING and not self.is_gone:
            self.move_to(State.STOPPING)
            taken = self._jobs.take_back()
            self._jobs.finish()
            self.note_given_back(taken)
            self._changed(self)
            self._leave_when_done()

    def kill(self, reason: str) -> None:
        if self.state not in (State.GONE, State.STOPPING):
            self.move_to(State.STOPPING)
        self.die(Death(pid=self.pid, signal="SIGKILL", reason=reason))

    # what the child does

    @property
    def can_work(self) -> bool:
        """Whether there is a job for it to begin or to end."""
        has_work = self.current is not None or self._jobs._waiting
        return bool(has_work) and not self.is_gone and not self.is_frozen

    def begin(self) -> None:
        """Begin the next job: from now on it cannot be taken back."""
        if self.current is None:
            self.current = self._jobs.next_now()
            self._at = None if self.current is None else self.current.oid

    def work(self) -> None:
        """Perform the next job, with what can share its commit, or die of it."""
        self.begin()
        job = self.current
        assert job is not None
        try:
            with self.world.acting(self):
                if not self._attached:
                    self._job_thread.open()
                    self._attached = True
                self._job_thread.perform(job)
        except Crash:
            self.die(Death(pid=self.pid, signal="SIGKILL"), at_work=True)
            self.transactions.abort()
            return
        self.current = self._at = None
        self.world.count("jobs")
        if not self.is_gone:
            self._leave_when_done()

    def _begin(self, oid: bytes, at_once: bool) -> None:
        self._at, self._said = oid, oid if at_once else None

    def _wait(self, deferred: Any) -> Any:
        return here.wait(deferred)

    def _watch(self, oid: bytes, deferred: Any) -> None:
        self._jobs.hold(oid)
        deferred.addBoth(lambda value: self._jobs.add_fired(oid, value))

    def _ended(self, ended: Ended) -> None:
        if ended.ending == Ending.STORAGE:
            self.world.failed_with(f"child {self.pid}", ended.detail)
        self.note_completed(ended.oids, ended.completions)
        for oid in ended.oids:
            self.note_ended(oid, ended.ending, JOB_SECONDS, ended.detail)
        self._changed(self)

    def _leave_when_done(self) -> None:
        held = self._jobs._held or self._jobs._waiting
        if self.state == State.STOPPING and self.current is None and not held:
            self.die(Death(pid=self.pid, exit_code=0))

    def leave(self) -> None:
        """Its supervisor is gone, so it leaves, unless it is frozen."""
        if not self.is_frozen:
            self.die(Death(pid=self.pid, exit_code=0))

    def die(self, death: Death, at_work: bool = False) -> None:
        """End the process; one that is at work in this moment ends at its next commit."""
        if self.is_gone:
            return
        self.is_gone = True
        self.is_doomed = not at_work and self.world.is_acting(self)
        self.current = None
        self.world.children.remove(self)
        self.databases.close()
        if death.signal:
            self.world.count("deaths of children")
        if not self.is_doomed:
            with self.world.outside():  # whoever kills it reads nothing either
                self.transactions.abort()
        self._in_reactor(self._exited, death)

    def _exited(self, death: Death) -> None:
        job = self._said if self._said in {*self.outstanding, *self.deferred} else None
        if job is None and self.outstanding:
            job = self.outstanding[0]
        if self.outstanding or self.deferred:
            self.world.die_at(self, self._at)
        self.move_to(State.GONE)
        known = {"job": job and hex_oid(job), "at_stake": self.at_stake}
        self._gone(self, Death(**{**death.as_dict(), **known}))


class SimulatedPool(ThreadPool):
    """The same as :class:`zcasync.supervisor.children.pool.Pool`, with simulated children."""

    def __init__(
        self,
        supervisor: Supervisor,
        incarnation: bytes,
        changed: Callable[[Any], None],
        died: Callable[[int, Death, bool], None],
    ) -> None:
        super().__init__(supervisor.reactor, lambda: None, incarnation, changed, died)
        self._supervisor = supervisor

    def _make(self, slot: int) -> SimulatedChild:
        return SimulatedChild(
            self._supervisor, slot, self._incarnation, self._changed, self._child_gone
        )

    def stop(self, grace: float) -> Deferred[None]:
        if self._all_gone is None:
            self._all_gone = Deferred()
            for child in list(self.children.values()):
                child.finish()
            self._reactor.callLater(grace, self.kill_all, "grace period is over")
            self._fire_when_empty()
        return self._all_gone

    def kill_all(self, reason: str) -> None:
        for child in list(self.children.values()):
            child.kill(reason)

    def _child_gone(self, child: SimulatedChild, death: Death) -> None:
        del self.children[child.slot]
        self._died(child.slot, death, not child.outstanding and not child.deferred)
        if self._all_gone is None and child.slot < self.size:
            self.children[child.slot] = self._make(child.slot)
        self._fire_when_empty()
