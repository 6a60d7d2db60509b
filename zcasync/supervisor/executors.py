"""The performers of an engine: its children and its reactor; hands out jobs and hears of ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import inlineCallbacks

from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.prefetch import Sharing, target, wants_more
from zcasync.supervisor.children.state import ChildState
from zcasync.supervisor.outage import Outage
from zcasync.supervisor.poll.events import EventBuffer
from zcasync.supervisor.poll.messages import PassInput, PassResult

#: Finished jobs are retired together, at the latest after this time.
RETIRE_SECONDS = 0.05
#: Until a job is handed out again that a child could not do for want of its database.
STORAGE_PAUSE_SECONDS = 0.5


class Executors:
    """What an engine has jobs performed by; empty before ``start``.

    ``wake(delay)`` asks for a pass, ``ready()`` is called when a thread job can be taken, and
    ``fenced(why)`` when a child has found that the engine was buried.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        wake: Callable[..., None],
        ready: Callable[[], None],
        fenced: Callable[[str], None],
    ) -> None:
        self.pool: Any = None
        self.reactor_jobs: Any = None
        self.trouble = Outage(reactor, "performing jobs")
        self._gathering = EventBuffer(reactor.seconds)
        self.noting = self._gathering.noting
        self._sharing = Sharing(reactor, lambda: self.pool.ready(), self._returned)
        self._reactor = reactor
        self._wake = wake
        self._ready: Callable[[], None] | None = ready
        self._fenced = fenced

    # life

    def start(
        self, make_pool: Callable[..., Any], make_reactor_jobs: Callable[..., Any], size: int
    ) -> None:
        """Make a pool of ``size`` children, ``make_pool(changed, died)``, and reactor jobs,
        ``make_reactor_jobs(ended)``."""
        self.reactor_jobs = make_reactor_jobs(self._reactor_job_ended)
        self.pool = make_pool(self._child_changed, self._child_died)
        self.pool.set_size(size)
        if self.pool.size == 0:
            self._say_ready()

    @inlineCallbacks
    def stop(self, grace: float, kill_because: str = "") -> Any:
        """Let jobs end within ``grace`` seconds, or kill the children at once for a reason.

        Fires when none is left, with the ids of the jobs that go on all the same: those in threads
        of this process, which cannot be killed.
        """
        self._sharing.stop()
        if kill_because:
            self.pool.kill_all(kill_because)
        children = self.pool.stop(grace)
        yield self.reactor_jobs.stop(grace)
        left = yield children
        return left or []

    def _say_ready(self) -> None:
        """Say once that jobs can be taken."""
        ready, self._ready = self._ready, None
        if ready is not None:
            ready()

    # between passes

    def want_more(self) -> bool:
        """Whether a new job would be begun at once."""
        now = self._reactor.seconds()
        return any(wants_more(one, now) for one in self.pool.ready())

    def gather(self, is_running: bool) -> PassInput:
        """What the next pass is to do; leaves nothing of it for the one after it."""
        return self._gathering.take(self.pool, self.reactor_jobs, is_running)

    def put_back(self, work: PassInput) -> None:
        """Keep what a failed pass did not do for the next one."""
        self._gathering.put_back(work)

    def forget(self, done: PassResult) -> None:
        """Drop what a pass has ended, and keep what it has left."""
        self._gathering.note_cancelled(done.cancelled)
        self._gathering.note_unretired(done.unretired)
        for oid in done.dropped:
            self.reactor_jobs.drop(oid)

    def hand_out(self, done: PassResult) -> None:
        """Begin what a pass has claimed; nothing the second time."""
        if done.is_handed_out:
            return
        done.is_handed_out = True
        self.pool.set_size(done.thread_size)
        ready = {child.slot: child for child in self.pool.ready()}
        for slot, oids in done.hand_out.items():
            child = ready.get(slot)
            if child is not None:
                child.perform([oid for oid in oids if oid not in child.outstanding], done.last)
        for oid in done.start:
            self.reactor_jobs.start(oid)
        self._sharing.look()

    def cancel(self, oid: bytes, who: str) -> None:
        """Have a job ended as cancelled, and kill the child that is at it.

        A call in the reactor cannot be stopped: its job is ended once it waits for a Deferred.
        """
        self._gathering.cancel(oid, who)
        for child in self.pool.children.values():
            if oid in child.outstanding:
                if oid == child.outstanding[0] or hex_oid(oid) == child.job_id():
                    child.kill(f"its job {hex_oid(oid)} was cancelled by {who}")
                else:
                    self._sharing.take_back(child)
        self._wake()

    def reported(self, partial: Any, progress: Progress) -> None:
        """A job in this process has reported, in whatever thread."""
        if partial is not None:
            self._reactor.callFromThread(self.noting.report, partial._p_oid, progress)

    # what they tell

    def _child_changed(self, child: ChildState) -> None:
        self._say_ready()
        failed = [self._ended(child, *one) for one in child.ended]
        child.ended.clear()
        if any(failed):
            self._wake(STORAGE_PAUSE_SECONDS)
        elif len(child.outstanding) <= target(child) // 2:
            self._wake()
        else:
            self._wake(RETIRE_SECONDS)

    def _ended(self, child: ChildState, oid: bytes, ending: Ending, detail: str) -> bool:
        """A child has ended a job; whether it could not do it for want of its database."""
        self.noting.forget(oid)
        if ending == Ending.STORAGE:
            self.trouble.says(f"{detail} (job {hex_oid(oid)})")
        elif ending == Ending.UNREADABLE:
            self._gathering.note_unreadable(child.slot, oid, detail)
        elif ending == Ending.FENCED:
            self._fenced(detail)
        else:
            self.trouble.works()
        return ending == Ending.STORAGE

    def _reactor_job_ended(self, oid: bytes) -> None:
        self.noting.forget(oid)
        self._gathering.note_news()
        self._wake()

    def _returned(self, slot: int, oids: list[bytes]) -> None:
        self._gathering.note_returned(slot, oids)
        self._wake()

    def _child_died(self, slot: int, death: Death, idle: bool) -> None:
        self._gathering.note_death(slot, death, idle)
        self._wake()
