"""What must be true of a simulated world: after every step, and once everything is at rest."""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass, field
from typing import Any

from twisted.python.failure import Failure

from tests.simulation.world import World
from zcasync.errors import AbortedError
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.retrying import INTERRUPTION_LIMIT
from zcasync.settling import is_done


@dataclass
class Job:
    """A job that was put, and what it is to have done in the end: counters by oid."""

    kind: str
    oid: bytes
    due: int
    counters: list[bytes]  # its own first
    callbacks: list[bytes] = field(default_factory=list)
    has_deadline: bool = False
    was_cancelled: bool = False


class Expectations:
    """The jobs of a world, and the judge of what became of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs: list[Job] = []

    def _get(self, oid: bytes) -> Any:
        return self.world.reader.connection.get(oid)

    def look(self) -> None:
        """What must hold after every step."""
        assert not self.world.faults, "\n".join(self.world.faults)
        self.world.reader.sync()
        manager = self.world.reader.manager
        waiting = list(manager.thread)
        assert len(manager.thread) == len(waiting) >= 0
        dues = [partial._due for partial in waiting]
        assert dues == sorted(dues), "those that wait are in the order of their times"
        in_queue = Counts(partial._p_oid for partial in waiting)
        claims: Counts[bytes] = Counts()
        for worker in manager.workers.values():
            for partial in worker.thread:
                if not is_done(partial):
                    claims[partial._p_oid] += 1
                    assert partial._claim is worker.incarnation, "held by who may not run it"
        for job in self.jobs:
            self._look_at(job, in_queue[job.oid], claims[job.oid])
        interruptions = sum(self._get(job.oid)._interruptions for job in self.jobs)
        assert interruptions <= self.world.deaths, "a job that was only reserved lost an attempt"

    def _look_at(self, job: Job, in_queue: int, claims: int) -> None:
        partial = self._get(job.oid)
        held = (partial.state, in_queue, claims)
        if partial.state == PENDING:
            assert held == (PENDING, 1, 0), f"{job.kind}: waits once, held by nobody: {held}"
            assert partial._due == job.due, "it has kept its place"
        elif is_done(partial):
            assert held[1:] == (0, 0), f"{job.kind}: nothing is left to do: {held}"
        elif partial.state == CALLBACKS and job.kind == "waits for another":
            # Who holds the partial that it has waited for runs its callbacks too.
            assert in_queue == 0
            assert claims <= 1, f"{job.kind}: held by more than one: {held}"
        else:
            assert held == (partial.state, 0, 1), f"{job.kind}: held by one engine: {held}"
        for oid in [*job.counters, *job.callbacks]:
            limit = 99 if job.kind == "commits itself" and oid == job.counters[1] else 1
            assert self._get(oid).value <= limit, f"{job.kind} took effect twice"
        assert partial._interruptions <= INTERRUPTION_LIMIT

    # at rest

    def unfinished(self) -> list[Job]:
        """The jobs that some worker still has to do something for."""
        self.world.reader.sync()
        return [job for job in self.jobs if self._get(job.oid).state != COMPLETED]

    def judge(self) -> None:
        """What must hold when nothing moves any more."""
        self.world.reader.sync()
        for job in self.jobs:
            self._judge(job)
        manager = self.world.reader.manager
        for worker in manager.workers.values():
            assert not len(worker.thread) + len(worker.reactor), "a claim is left"

    def _judge(self, job: Job) -> None:
        partial = self._get(job.oid)
        assert partial.state == COMPLETED, f"{job.kind} is {partial.state}"
        values = [self._get(oid).value for oid in job.counters]
        result = partial.result
        if isinstance(result, Failure):
            # One that was cancelled while it waited had made its own change before.
            limit = 1 if job.kind == "waits for another" and _was_cancelled(result) else 0
            why = f"{job.kind} failed, but its effect is there: {result.getErrorMessage()}"
            assert values[0] <= limit, why
            self._judge_failure(job, partial, result)
        else:
            assert job.kind not in ("fails", "kills its child")
            assert values[0] == 1, f"{job.kind}: its effect is there {values[0]} times"
            assert result == 1
            assert all(values)
        for oid in job.callbacks:
            assert self._get(oid).value == 1, "a callback ran not once"
        assert all(callback.state == COMPLETED for callback in partial.callbacks)

    def _judge_failure(self, job: Job, partial: Any, result: Failure) -> None:
        if result.type is ZeroDivisionError:
            assert job.kind == "fails"
            return
        assert result.type is AbortedError, result.getErrorMessage()
        reason = result.getErrorMessage()
        if "interrupted" in reason:
            assert partial._interruptions == INTERRUPTION_LIMIT
        elif "begin_by" in reason:
            assert job.has_deadline
        else:
            assert job.was_cancelled, reason


def _was_cancelled(result: Failure) -> bool:
    return result.getErrorMessage().startswith("cancelled by")
