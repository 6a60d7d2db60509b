"""The executors of an engine, its children and its reactor: hands out jobs, hears of their ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.logger import Logger

from zcasync.job.aside import Missing
from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.child_report import EndedJob
from zcasync.supervisor.children.interfaces import Changed, Died, IChild, IChildPool
from zcasync.supervisor.children.prefetch import Sharing, target, wants_more
from zcasync.supervisor.failure_log import FailureLog
from zcasync.supervisor.late_children import LateChildren
from zcasync.supervisor.lonely_children import LonelyChildren
from zcasync.supervisor.outage import Outage
from zcasync.supervisor.poll.events import EventBuffer
from zcasync.supervisor.poll.messages import HandOut, PassInput, PassResult
from zcasync.supervisor.poll.slots import REACTOR
from zcasync.supervisor.reactor_checks import STORAGE_PAUSE_SECONDS, ReactorChecks
from zcasync.supervisor.reactor_jobs import ReactorJobs

log = Logger()

#: What can wait is seen by one pass together, after so long at the latest.
COALESCE_SECONDS = 0.05


class Executors:
    """The children and the reactor of one engine; ``start`` them first.

    ``wake(delay)`` asks for a pass, ``ready()`` is called when a thread job can be taken, and
    ``fenced(why)`` when a child has found that the engine was buried.
    """

    pool: IChildPool  # from the start on
    reactor_jobs: ReactorJobs  # the same

    def __init__(
        self,
        reactor: Any,
        *,
        wake: Callable[..., None],
        ready: Callable[[], None],
        fenced: Callable[[str], None],
    ) -> None:
        self.is_started = False
        self._is_stopping = False
        self.has_reactor_code = False  # a reactor job was called, so that its code is loaded here
        self.outage = Outage(reactor, "performing jobs")
        self._events = EventBuffer(reactor.seconds)
        self.progress = self._events.progress
        self._failures = FailureLog(reactor)
        self._sharing = Sharing(reactor, self._ready_children, self._returned)
        self._lonely = LonelyChildren(reactor, lambda: self.pool.children.values(), self._ask)
        self._late = LateChildren(reactor, lambda: self.pool.children, wake)
        self._handed_out: HandOut | None = None
        self._reactor = reactor
        self._checks: ReactorChecks | None = None
        self._wake = wake
        self._ready: Callable[[], None] | None = ready
        self._fenced = fenced

    # life

    def start(
        self,
        make_pool: Callable[[Changed, Died], IChildPool],
        make_reactor_jobs: Callable[[Callable[[bytes], None]], ReactorJobs],
        size: int,
        make_checkers: Callable[[Changed, Died], IChildPool] | None = None,
    ) -> None:
        """Make reactor jobs, ``make_reactor_jobs(ended)``, and a pool of ``size`` children.

        ``make_checkers``: makes the pool that checks reactor jobs, None: they are not checked.
        """
        self.reactor_jobs = make_reactor_jobs(self._reactor_job_ended)
        self.reactor_jobs.tell = self._failures.tell
        if make_checkers is not None:
            self._checks = ReactorChecks(
                self._reactor, make_checkers, self._check_passed, self._check_died
            )
            self.reactor_jobs.try_value = self._checks.try_value
        self.reactor_jobs.lacks = self._events.note_absent
        self.reactor_jobs.conflicted = self._events.conflicts.note
        self.pool = make_pool(self._child_changed, self._child_died)
        self.is_started = True
        self.pool.set_size(size)
        if self.pool.size == 0:
            self._report_ready()

    @inlineCallbacks
    def stop(self, grace: float, kill_because: str = "") -> Any:
        """Let jobs end within ``grace`` seconds, or kill the children at once for a reason.

        Fires when none is left, with the ids of the jobs that go on all the same: those in threads
        of this process, which cannot be killed.
        """
        self._is_stopping = True
        for one in (self._sharing, self._lonely, self._late):
            one.stop()
        if kill_because:
            self.pool.kill_all(kill_because)
        children = self.pool.stop(grace)
        if self._checks is not None:
            self._checks.begin_to_stop()
        yield self.reactor_jobs.stop(grace)
        if self._checks is not None:
            yield self._checks.stop()
        left = yield children
        self._failures.sum_up()
        return left or []

    def hurry(self, seconds: float) -> None:
        """Let jobs end within so many seconds, where a stop gives them longer."""
        self.pool.hurry(seconds)
        self.reactor_jobs.hurry(seconds)

    @property
    def pools(self) -> list[IChildPool]:
        """The pools that there are: that of thread jobs, and that of checks."""
        checks = None if self._checks is None else self._checks.pool
        of_jobs = [self.pool] if self.is_started else []
        return of_jobs if checks is None else [*of_jobs, checks]

    def _report_ready(self) -> None:
        """Report once that jobs can be taken."""
        ready, self._ready = self._ready, None
        if ready is not None:
            ready()

    # between passes

    def want_more(self) -> bool:
        """Return whether a new thread job would be begun at once."""
        now = self._reactor.seconds()
        return any(wants_more(one, now) for one in self.pool.ready())

    def gather(self, is_running: bool) -> PassInput:
        """Return what the next pass is to do; leaves nothing of it for the one after it."""
        reactor = self.reactor_jobs.report(is_running)
        if self._checks is not None:
            reactor.outstanding |= self._checks.running
        given = self._events.take(self.pool, reactor, is_last=not is_running)
        self._lonely.pass_begins(asks=given.has_changes)
        return given

    def put_back(self, given: PassInput) -> None:
        """Keep what a failed pass did not do for the next one."""
        self._lonely.pass_failed()
        self._events.put_back(given)

    def doubt_cancelled(self) -> None:
        """Try to make passes without what is to be cancelled: they fail, and that may be why."""
        self._events.doubt_cancelled()

    def hand_over_cancelled(self) -> dict[bytes, str]:
        """Return what no pass has cancelled, oid -> who, for the next engine."""
        return self._events.hand_over_cancelled()

    def note_pass(self, result: PassResult) -> None:
        """Drop what a pass has ended, and keep what it has left."""
        self._lonely.pass_made(is_connected=result.away is None)
        self._late.pass_made(result.over)
        self._events.note_cancelled(result.cancelled)
        self._events.note_unretired(result.unretired)
        for oid in result.dropped:
            self.reactor_jobs.drop(oid)
        if result.schedule.reactor_job_is_due:
            self.reactor_jobs.application.want()

    def hand_out(self, jobs: HandOut, tid: bytes | None) -> None:
        """Begin what a pass has claimed, in this transaction or before; not the same twice."""
        if jobs is self._handed_out:
            return
        self._handed_out = jobs
        self.pool.set_size(jobs.thread_size)
        ready = {child.slot: child for child in self.pool.ready()}
        for slot, oids in jobs.slots.items():
            child = ready.get(slot)
            if child is None:
                continue
            new = [oid for oid in self._events.wanted(oids) if oid not in child.outstanding]
            if new:
                child.perform(new, tid)
                if slot in jobs.orders:
                    child.reorder(jobs.orders[slot])
        for oid in self._events.wanted(jobs.reactor):
            if self._checks is not None and oid in jobs.unchecked:
                self._checks.check(oid, tid)
            else:
                self._start_in_reactor(oid)
        self._sharing.look()
        self._late.look()

    def cancel(self, oid: bytes, who: str) -> None:
        """Have a job ended as cancelled, and kill the child that runs it.

        A call in the reactor cannot be stopped: its job is ended once it waits for a Deferred.
        """
        self._events.cancel(oid, who)
        if self._checks is not None:
            self._checks.cancel(oid, who)
        for child in self.pool.children.values():
            is_at_it = hex_oid(oid) == child.job_id()
            if oid in child.outstanding and not is_at_it and oid != child.outstanding[0]:
                if not self._is_stopping:  # else it returns what it has not begun by itself
                    self._sharing.take_back(child)
            elif oid in child.outstanding or (is_at_it and child.wait is not None):
                child.kill(f"its job {hex_oid(oid)} was cancelled by {who}")
        self._wake()

    def renew_checkers(self) -> None:
        """Let what reactor jobs need be loaded first in new children from now on."""
        if self._checks is not None:
            self._checks.renew()

    def reported(self, oid: bytes, progress: Progress) -> None:
        """A job in this process has reported, in whatever thread."""
        self._reactor.callFromThread(self.progress.report, oid, progress)

    # what they report

    def _child_changed(self, child: IChild) -> None:
        self._report_ready()
        self._lonely.note(child)
        notices, ended = child.take_notices(), child.take_ended()
        self._events.conflicts.add(child.conflicts.take())
        for notice in notices:
            self._failures.tell(notice)
        if notices and not ended:
            return  # the end of the job follows
        failed = [self._job_ended(child, job) for job in ended]
        if any(failed):
            self._wake(STORAGE_PAUSE_SECONDS)
        elif len(child.outstanding) <= target(child) // 2:
            self._wake()
        else:
            self._wake(COALESCE_SECONDS)

    def _job_ended(self, child: IChild, job: EndedJob) -> bool:
        """A child has ended a job; return whether it could not do it for want of its database."""
        self.progress.forget(job.oid)
        if job.ending == Ending.STORAGE:
            self.outage.says(f"{job.detail} (job {hex_oid(job.oid)})")
        elif job.ending == Ending.UNREADABLE:
            self._events.note_unreadable(child.slot, job.oid, job.detail)
        elif job.ending == Ending.ABSENT:
            self._events.note_absent(job.oid, Missing.from_line(job.detail))
        elif job.ending == Ending.FENCED:
            self._fenced(job.detail)
        elif job.ending != Ending.SPENT:
            self.outage.works()
        return job.ending == Ending.STORAGE

    def _reactor_job_ended(self, oid: bytes) -> None:
        self.progress.forget(oid)
        self._events.note_changes()
        self._wake()

    def _check_passed(self, oid: bytes) -> None:
        if self._events.wanted([oid]):
            self._start_in_reactor(oid)
        else:
            self._wake()

    def _start_in_reactor(self, oid: bytes) -> None:
        self.has_reactor_code = True
        self.reactor_jobs.start(oid)

    def _check_died(self, oid: bytes, death: Death) -> None:
        self._child_died(REACTOR, death, False)

    def _ask(self) -> None:
        """Have a pass made that asks the database."""
        self._events.note_changes()
        self._wake()

    def _ready_children(self) -> Sequence[IChild]:
        return self.pool.ready()

    def _returned(self, slot: int, oids: list[bytes]) -> None:
        self._events.note_returned(slot, oids)
        self._wake()

    def _child_died(self, slot: int, death: Death, idle: bool) -> None:
        self._events.note_death(slot, death, idle)
        self._wake()
