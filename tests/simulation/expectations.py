"""What must be true of a simulated world: after every step, and once everything is at rest."""

from __future__ import annotations

from collections import Counter as Counts
from typing import Any

from twisted.python.failure import Failure

from tests.simulation.audit import Audit
from tests.simulation.clients import WHO, Call, Job
from tests.simulation.databases import LIMITS, SHARED
from tests.simulation.jobs import here
from tests.simulation.schedules import Schedules
from tests.simulation.world import HOUR, World
from zcasync import clock
from zcasync.errors import AbortedError, DeadlineMissed
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.job.completion import is_done, waiter
from zcasync.queues.priority import rank
from zcasync.queues.quota import holds
from zcasync.queues.restriction import BROKEN
from zcasync.supervisor.poll.clocks import LONGEST_COMMIT
from zcasync.supervisor.poll.dispatch import AGAIN_MICROSECONDS

#: What a commit has failed with that may not be tried again.
LOST_COMMITS = (
    "ZODB.POSException.ConflictError",
    "ZODB.POSException.ReadConflictError",
    "ZEO.Exceptions.ClientDisconnected",
)


class Expectations:
    """The jobs of a world, and the judge of what became of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs: list[Job] = []
        self.audit = Audit(world)
        self.schedules = Schedules(world, self)
        self.looks = 0
        self._away: list[Job] = []
        self._seen: list[bytes] = []

    @property
    def manager(self) -> Any:
        """The data manager as it was when last looked at."""
        return self.world.reader.session.manager

    def sort_out(self) -> None:
        """Expect nothing of what was undone or lost, unless it is there again."""
        jobs = [*self.jobs, *self._away]
        self.jobs = [job for job in jobs if self.audit.is_there(job.oid)]
        self._away = [job for job in jobs if not self.audit.is_there(job.oid)]

    def forget_interrupted_clients(self) -> None:
        """Expect no end of callbacks that clients were running themselves when a backup came."""
        self.world.reader.sync()
        self.sort_out()
        partials = {job.oid: self.world.reader.partial(job.oid) for job in self.jobs}
        self.jobs = [
            job
            for job in self.jobs
            if partials[job.oid].state != COMPLETED or is_done(partials[job.oid])
        ]

    def look(self) -> None:
        """What must hold after every step."""
        assert not self.world.faults, "\n".join(self.world.faults)
        newest = [server.last_tid for server in self.world.servers]
        if newest == self._seen:
            return
        self._seen = newest
        self.looks += 1
        self.world.reader.sync()
        if self.world.was_meddled_with:
            self.sort_out()
        in_queue: Counts[bytes] = Counts()
        for queue in (self.manager.thread, self.manager.reactor):
            with self.world.acting(self.world.reader):
                waiting = list(queue)
                places = [_place(partial) for partial in waiting]
            assert len(queue) == len(waiting) >= 0
            assert places == sorted(places), "those that wait are in their order"
            _require_lanes_of_their_priorities(queue)
            with self.world.acting(self.world.reader):
                held, later = (
                    queue.count_held(),
                    sum(one.not_before > clock.now() for one in waiting),
                )
            assert held == later, f"{held} wait for later, not {later}"
            in_queue.update(partial._p_oid for partial in waiting)
        claims: Counts[bytes] = Counts()
        holders: dict[str, set[bytes]] = {name: set() for name in LIMITS}
        for worker in self.manager.workers.values():
            for partial in (*worker.thread, *worker.reactor):
                if holds(partial):
                    self._note_slots(partial, holders)
                if not is_done(partial):
                    claims[partial._p_oid] += 1
                    assert self._may_run(worker, partial), "held by who may not run it"
        if not self.world.was_meddled_with:
            for name, limit in LIMITS.items():
                assert len(holders[name]) <= limit, f"{len(holders[name])} hold quota {name}"
            self._look_at_keys()
            self.schedules.look()
        self.audit.look(in_queue, claims)
        for job in self.jobs:
            self._look_at(job, in_queue[job.oid], claims[job.oid])

    def _note_slots(self, partial: Any, holders: dict[str, set[bytes]]) -> None:
        """Note the quotas that a call holds; one that came too late ends, and needs no slot."""
        for name in holders.keys() & set(partial.quotas):
            if partial._p_oid in self.manager.quotas[name].use.holders:
                holders[name].add(partial._p_oid)
            else:
                assert partial.begin_by is not None, f"it runs without a slot of {name}"

    def _look_at_keys(self) -> None:
        """That of one key there is one call that is not over, whoever has put it at once."""
        partials = [self.world.reader.partial(job.oid) for job in self.jobs]
        keys = Counts(
            partial.unique[0]
            for partial in partials
            if partial.unique is not None and partial.state != COMPLETED
        )
        assert all(count == 1 for count in keys.values()), f"keys of several calls: {keys}"

    def _may_run(self, worker: Any, partial: Any) -> bool:
        """Whether it is this engine's, or an undo has brought it back, until the next pass."""
        is_stray = self.world.tally["undone"] and partial._claim.is_over
        return partial._claim is worker.incarnation or is_stray

    def _is_put_off(self, job: Job, partial: Any) -> bool:
        """Whether an undo has brought it back, and its last end was not heard of by then."""
        with self.world.acting(self.world.reader):
            moment = clock.now() + AGAIN_MICROSECONDS
        return bool(self.world.tally["undone"]) and job.due < partial.due <= moment

    def _look_at(self, job: Job, in_queue: int, claims: int) -> None:
        partial = self.world.reader.partial(job.oid)
        held = (partial.state, in_queue, claims)
        if partial.state == COMPLETED:
            self._look_at_deadline(job, partial)
        if partial.state == PENDING:
            assert held == (PENDING, 1, 0), f"{job.name}: waits once, held by nobody: {held}"
            may_be_later = job.kind.may_be_later and partial.due > job.due
            has_kept = partial.due == job.due or job.counts_from_put or may_be_later
            assert has_kept or self._is_put_off(job, partial), f"{job.name} has lost its place"
        elif is_done(partial):
            assert held[1:] == (0, 0), f"{job.name}: nothing is left to do: {held}"
        elif partial._resume_at is not None:  # its application had its callbacks in hand
            assert (partial.state, in_queue) == (CALLBACKS, 0)
            assert claims <= 1, f"{job.name}: perhaps nobody has looked yet: {held}"
        elif partial.state == CALLBACKS and job.kind.waits:
            # Who holds the partial that it has waited for runs its callbacks too.
            assert in_queue == 0
            assert claims <= 1, f"{job.name}: held by more than one: {held}"
        else:
            assert held == (partial.state, 0, 1), f"{job.name}: held by one engine: {held}"
        counted = self._look_at_call(job, partial)
        for callback in self._callbacks(job):
            counted += self._look_at_call(callback, self.world.reader.partial(callback.oid))
        known = self.world.interruptions[job.oid]
        if job.waits:  # its callbacks are run by who holds what it has waited for
            others = {one.oid for one in self.jobs}
            known += sum(n for oid, n in self.world.interruptions.items() if oid not in others)
        if not self.world.was_meddled_with:
            problem = f"{job.name} lost an attempt that others lost: {counted} > {known}"
            assert counted <= known, problem

    def _look_at_deadline(self, job: Job, partial: Any) -> None:
        """That no job misses its begin_by because the clock of its client is wrong.

        Those of two workers, one after the other, may differ by an hour.
        """
        is_missed = isinstance(partial.result, Failure) and partial.result.check(DeadlineMissed)
        if is_missed and job.may_be_missed_at is not None and not self.world.was_clock_set:
            early = job.may_be_missed_at - self.world.microseconds
            assert early <= HOUR + LONGEST_COMMIT, (
                f"{job.name} has missed its begin_by {early} too early"
            )

    def _callbacks(self, job: Job) -> list[Call]:
        return [one for one in job.callbacks if self.audit.is_there(one.oid)]

    def _look_at_call(self, call: Call, partial: Any) -> int:
        """How often it was interrupted."""
        kind = call.kind
        interruptions: int = partial._interruptions
        if self.world.was_meddled_with:
            return interruptions
        for number, oid in enumerate(call.counters):
            value = self.world.reader.counter(oid).value
            most = 1 if number not in kind.repeats or kind.once else here.apart.get(oid, 99)
            assert value <= most, f"{call.name} took effect {value} times"
        if kind.once:
            assert here.outside[call.outside] <= 1, f"{call.name} was made twice"
        assert partial._interruptions <= (kind.last_limit or 99)
        return interruptions

    # at rest

    def unfinished(self) -> list[Job]:
        """The jobs that are not over, or have a callback that is not."""
        self.world.reader.sync()
        return [job for job in self.jobs if not self._is_all_over(job)]

    def _is_all_over(self, job: Job) -> bool:
        return all(map(self._is_over, [job, *self._callbacks(job)]))

    def _is_over(self, call: Call) -> bool:
        is_over: bool = self.world.reader.partial(call.oid).state == COMPLETED
        return is_over

    def judge(self) -> None:
        """What must hold when nothing moves any more."""
        self.world.reader.sync()
        self.schedules.judge()
        shared = sum(self._judge(job) for job in self.jobs)
        found = self.world.reader.session.root[SHARED].value
        is_right = found == shared or self.world.was_meddled_with
        assert is_right, f"{found} of {shared} changes of one object are there"
        for worker in self.manager.workers.values():
            assert not len(worker.thread) + len(worker.reactor), "a claim is left"

    def _judge(self, job: Job) -> int:
        """Judge a job and its callbacks; returns how often it has changed the shared object."""
        partial = self.world.reader.partial(job.oid)
        self._judge_call(job, partial, job.was_cancelled)
        for callback in self._callbacks(job):
            self._judge_callback(callback, partial)
        assert all(map(is_done, partial.callbacks)), f"a callback of {job.name} is not over"
        return int(job.kind.shares and not isinstance(partial.result, Failure))

    def _judge_callback(self, callback: Call, parent: Any) -> None:
        partial = self.world.reader.partial(callback.oid)
        if callback.name != "either":
            self._judge_call(callback, partial, False)
            return
        assert partial.state == COMPLETED
        if self.world.was_meddled_with:
            return
        values = [self.world.reader.counter(oid).value for oid in callback.counters]
        failed = isinstance(parent.result, Failure)
        assert values == [int(not failed), int(failed)], "the wrong one of two callbacks ran"

    def _judge_call(self, call: Call, partial: Any, cancelled: bool) -> None:
        kind = call.kind
        assert partial.state == COMPLETED, f"{call.name} is {partial.state}"
        if self.world.was_meddled_with:
            return
        if self.world.has_calm_supervisors and not cancelled:  # else nobody may have seen it
            killed = here.kills[call.oid]
            assert partial._interruptions >= killed, f"{call.name} has killed {killed} processes"
        values = [self.world.reader.counter(oid).value for oid in call.counters]
        if isinstance(partial.result, Failure):
            self._judge_failure(call, partial, values, cancelled)
            return
        assert not kind.fails, f"{call.name} succeeded"
        assert partial.result == 1, f"{call.name}: {partial.result!r}"
        for number, (oid, value) in enumerate(zip(call.counters, values, strict=True)):
            if oid in here.apart:  # it was told what became of that
                continue
            repeats = number in kind.repeats and not kind.once
            assert value == 1 or (repeats and value > 1), f"{call.name}: effects: {values}"
        if kind.outside:
            told = here.outside[call.outside]
            assert told == 1 or (told > 1 and not kind.once), f"{call.name}: {told} effects"
        assert partial._exceptions == (0 if kind.fails else kind.exceptions)
        assert partial.snoozes == kind.snoozes
        fewest = 1 + partial.failed_attempts
        if partial._parent is not None and partial._interruptions:
            fewest -= 1  # it may have been taken over from a client that was at it, and went on
        assert fewest <= partial._attempts <= 1 + partial.failed_attempts, (
            f"{call.name}: {vars(partial)}"
        )

    def _judge_failure(self, call: Call, partial: Any, values: list[int], cancelled: bool) -> None:
        kind, result = call.kind, partial.result
        reason = result.getErrorMessage()
        was_cancelled = result.check(AbortedError) and reason == f"cancelled by {WHO}"
        # One that was cancelled while it waited had made its own change before.
        most = 1 if kind.waits and was_cancelled else 0
        for number, value in enumerate(values):
            if number not in kind.repeats:
                assert value <= most, f"{call.name} failed, but not its effect: {values}: {reason}"
        assert waiter(partial) is None
        if result.type is ZeroDivisionError:
            assert kind.fails or kind.defers, reason
            assert partial._exceptions == max(1, kind.exceptions)
        elif result.check(*LOST_COMMITS):
            assert kind.once, f"{call.name}: {reason}"
        else:
            assert result.check(AbortedError), f"{call.name}: {result.type} {reason}"
            self._judge_abortion(call, partial, reason, cancelled)

    def _judge_abortion(self, call: Call, partial: Any, reason: str, cancelled: bool) -> None:
        kind = call.kind
        if "interrupted" in reason or "begun before" in reason:
            number = partial._interruptions
            limits = range(kind.limit or 0, (kind.last_limit or 0) + 1)
            is_right = number >= 1 or "begun" in reason if kind.once else number in limits
            assert is_right, f"{call.name}: {reason}: {number}"
        elif "begin_by" in reason:
            assert isinstance(call, Job)
            assert call.may_be_missed_at is not None
        else:
            assert cancelled, f"{call.name}: {reason}"


def _place(partial: Any) -> tuple[bool, int, int]:
    """Where a partial that waits is among others."""
    is_later = partial.due > clock.now()
    return is_later, partial.due if is_later else rank(partial.due, partial.priority), partial.due


def _require_lanes_of_their_priorities(queue: Any) -> None:
    """A claim goes by the lane: what waits there has its priority, wherever it comes back from."""
    for lane in queue.lanes().values():
        trees = [tree for key, tree in (lane.filed or {}).items() if key != BROKEN]
        entries = [*lane.unread(), *((key[0], one) for tree in trees for key, one in tree.items())]
        for due, partial in entries:
            is_true = queue.waits(partial, due)
            assert not is_true or partial.priority == lane.priority, f"{partial!r} is astray"
