"""The events of a call's life: who is told, where, in which transaction, and what exceptions do."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import zope.event
from transaction.interfaces import DoomedTransaction
from ZODB.POSException import ConflictError
from zope.component import getGlobalSiteManager, provideHandler
from zope.interface import Interface

import zcasync
from tests.jobs import retry as jobs
from tests.jobs import samples
from tests.supervisor.poll.scene import DEATH, Scene, ready
from tests.support import scenes
from tests.support.scenes import Seconds, gone
from tests.support.sessions import ONE, TWO, Connect, Session
from zcasync import Partial, events
from zcasync import interfaces as i
from zcasync.errors import HardTimeLimit, JobCrashed, UnstorableError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.liveness.watch import Watch
from zcasync.perform.group_commit import Group
from zcasync.perform.performer import Performer
from zcasync.supervisor import registration
from zcasync.supervisor.poll.messages import PassInput, SlotReport

KINDS = (
    i.JobPut, i.JobClaimed, i.JobStarted, i.JobCompleted, i.JobFailed, i.JobRetried, i.JobStopped,
    i.JobDiscarded, i.WorkerUp, i.WorkerDown,
)  # fmt: skip


class Hearing:
    """Hears of the events of jobs and workers; ``fails`` is the kind for which it raises."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.fails: type | None = None
        self.does: Any = None

    def __call__(self, event: Any) -> None:
        if isinstance(event, KINDS):
            self.heard.append(event)
            if self.does is not None:
                self.does(event)
            if type(event) is self.fails:
                raise LookupError(f"no {type(event).__name__} today")

    @property
    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    before, made = list(zope.event.subscribers), Hearing()
    zope.event.subscribers.append(made)
    yield made
    zope.event.subscribers[:] = before


@pytest.fixture
def scene(connect: Connect, seconds: Seconds) -> Scene:
    return Scene(connect(), connect(), seconds)


def claimed(session: Session, call: Any, *args: Any, **options: Any) -> Partial:
    """A call that a worker has claimed."""
    partial = session.queue.put(Partial(call, *args), **options)
    session.commit()
    return session.activate(partial)


# who hears


def test_nobody_hears_where_nobody_subscribes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zope.event, "subscribers", [])

    assert not events.is_heard(i.IJobPutEvent)


@pytest.mark.usefixtures("registry")
def test_the_registry_is_asked_who_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    from zope.component.event import dispatch

    monkeypatch.setattr(zope.event, "subscribers", [dispatch])
    heard: list[Any] = []
    assert not events.is_heard(i.IJobPutEvent)
    provideHandler(heard.append, [i.IJobEvent])

    assert events.is_heard(i.IJobPutEvent)
    assert not events.is_heard(i.IWorkerUpEvent)
    zope.event.notify(i.JobPut(None))
    assert [type(one) for one in heard] == [i.JobPut]
    provideHandler(lambda event: None, [Interface])
    assert events.is_heard(i.IWorkerUpEvent)
    assert getGlobalSiteManager() is not None


def test_any_other_subscriber_may_hear_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zope.event, "subscribers", [lambda event: None])

    assert events.is_heard(i.IJobPutEvent)


def test_to_ask_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from zope.component.event import dispatch

    monkeypatch.setattr(zope.event, "subscribers", [dispatch])
    began = time.perf_counter()
    for _ in range(10_000):
        events.is_heard(i.IJobStartedEvent)

    assert time.perf_counter() - began < 1.0, "a tenth of a millisecond each is far too much"


# within a transaction


def test_a_put_is_told_in_the_callers_transaction(
    session: Session, connect: Connect, hearing: Hearing
) -> None:
    demo = session.keep(samples.Demo(), "demo")
    hearing.does = lambda event: demo.increase()
    partial = session.queue.put(samples.nothing)
    many = session.queue.put_many([samples.nothing, samples.nothing])
    assert [event.object for event in hearing.heard] == [partial, *many]
    session.commit()

    assert connect().same(demo).counter == 3


def test_each_member_of_a_flow_is_told_of(session: Session, hearing: Hearing) -> None:
    first, second = Partial(samples.nothing), Partial(samples.nothing)
    inner = zcasync.parallel(second)
    flow = session.queue.put(zcasync.serial(first, inner))
    assert hearing.heard[0].object is flow
    assert {id(event.object) for event in hearing.heard} == {
        id(one) for one in (flow, first, inner, second)
    }
    session.commit()
    later = Partial(samples.nothing)
    flow.add(later)
    assert (hearing.heard[-1].object, len(hearing.heard)) == (later, 5)


def test_what_is_run_of_a_schedule_by_hand_is_told_of(session: Session, hearing: Hearing) -> None:
    session.manager.schedules.add("nightly", samples.nothing, cron="0 3 * * *")
    partial = session.manager.schedules.run_now("nightly")
    assert [event.object for event in hearing.heard] == [partial]


def test_a_subscriber_can_prevent_a_put_and_its_whole_transaction(
    session: Session, hearing: Hearing
) -> None:
    hearing.fails = i.JobPut
    with pytest.raises(LookupError):
        session.queue.put(samples.nothing)
    with pytest.raises(DoomedTransaction):
        session.commit()
    session.abort()

    assert len(session.queue) == 0


def test_a_job_is_told_of_as_it_begins_and_as_it_ends(
    session: Session, connect: Connect, hearing: Hearing
) -> None:
    demo = session.keep(samples.Demo(), "demo")
    partial = claimed(session, samples.nothing)
    hearing.heard.clear()
    states = []

    def increase(event: Any) -> None:
        states.append(event.object.state)
        demo.increase()

    hearing.does = increase
    Performer().perform(partial)

    assert hearing.names == ["JobStarted", "JobCompleted"]
    assert (hearing.heard[0].attempt, states[1]) == (1, COMPLETED)
    assert connect().same(demo).counter == 2, "a part of the job's own commit"


def test_a_failure_is_told_once_after_the_commit_and_is_no_completion(
    session: Session, hearing: Hearing
) -> None:
    partial = claimed(session, samples.raise_value_error)
    hearing.heard.clear()
    Performer().perform(partial)

    assert hearing.names == ["JobStarted", "JobFailed"]


@pytest.mark.parametrize(
    ("kind", "error"), [(i.JobStarted, LookupError), (i.JobCompleted, UnstorableError)]
)
@pytest.mark.parametrize("grouped", [False, True])
def test_an_exception_within_the_jobs_transaction_is_the_jobs(
    session: Session, hearing: Hearing, kind: type, error: type[Exception], grouped: bool
) -> None:
    demo = session.keep(samples.Demo(), "demo")
    partial = claimed(session, demo.increase, batch=grouped)
    hearing.fails = kind
    performer = Performer()
    if grouped:
        assert Group(performer, session.transactions).add(partial) is False, "it runs alone"
    performer.perform(partial)

    assert partial.result.check(error)
    assert f"no {kind.__name__} today" in partial.result.getErrorMessage()
    assert demo.counter == 0


def test_a_conflict_that_a_subscriber_meets_repeats_the_job(
    session: Session, hearing: Hearing
) -> None:
    partial = claimed(session, samples.nothing)
    left = [ConflictError()]

    def meet(event: Any) -> None:
        if isinstance(event, i.JobCompleted) and left:
            raise left.pop()

    hearing.does = meet
    Performer().perform(partial)

    assert (partial.state, partial.conflicts) == (COMPLETED, 1)
    assert not hasattr(partial.result, "check")


def test_a_detached_call_is_told_of_too(session: Session, hearing: Hearing) -> None:
    partial = claimed(session, samples.nothing, detached=True)
    hearing.heard.clear()
    hearing.fails = i.JobStarted
    Performer().perform(partial)

    assert hearing.names == ["JobStarted", "JobCompleted"]
    assert partial.state == COMPLETED


def test_a_detached_call_whose_end_is_refused_ends_as_a_failure(
    session: Session, hearing: Hearing
) -> None:
    partial = claimed(session, samples.nothing, detached=True)
    hearing.fails = i.JobCompleted
    Performer().perform(partial)

    assert partial.result.check(UnstorableError)


def test_what_is_discarded_is_told_of_in_its_transaction(
    session: Session, hearing: Hearing
) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.queue.discard([partial])
    assert hearing.names == ["JobPut", "JobDiscarded"]
    hearing.fails = i.JobDiscarded
    other = session.queue.put(samples.nothing)
    with pytest.raises(LookupError):
        session.queue.discard([other])


# in the supervisor, after its commits


def test_a_claim_is_told_of_once_it_is_committed(
    scene: Scene, connect: Connect, hearing: Hearing
) -> None:
    other = connect()
    scene.put(2)
    seen = []

    def look(event: Any) -> None:
        if isinstance(event, i.JobClaimed):
            other.sync()
            seen.append((event.worker, other.same(event.object).state))

    hearing.does = look
    hearing.fails = i.JobClaimed
    done = scene.run(s0=ready(room=2))

    assert done.claimed == 2
    assert seen == [(ONE, "active")] * 2


def test_what_a_subscriber_changes_in_the_supervisor_is_lost(
    scene: Scene, hearing: Hearing
) -> None:
    (partial,) = scene.put()

    def change(event: Any) -> None:
        event.object._p_jar.root()["spoilt"] = True

    hearing.does = lambda event: change(event) if isinstance(event, i.JobClaimed) else None
    scene.run(s0=ready(room=1))
    scene.run()
    scene.client.sync()

    assert "spoilt" not in scene.client.root
    assert scene.client.same(partial).state == "active"


def test_a_pass_that_is_repeated_tells_once(scene: Scene, hearing: Hearing) -> None:
    (partial,) = scene.put()
    before, left = scene.passes._steps, [ConflictError()]

    def steps(*args: Any) -> Any:
        done = before(*args)
        if left:
            raise left.pop()
        return done

    scene.passes._steps = steps  # type: ignore[method-assign]
    scene.run(s0=ready(room=1))

    assert hearing.names == ["JobPut", "JobClaimed"]
    assert hearing.heard[-1].object is partial


def test_a_cancel_is_told_of_as_such(scene: Scene, hearing: Hearing) -> None:
    (partial,) = scene.put()
    scene.run(PassInput(cancelled={partial._p_oid: "bob"}), s0=ready(room=0))

    assert hearing.names == ["JobPut", "JobStopped"]
    assert (hearing.heard[-1].object, hearing.heard[-1].who) == (partial, "bob")


def test_a_job_that_was_interrupted_too_often_is_told_of_as_failed(
    scene: Scene, hearing: Hearing
) -> None:
    scene.client.sync()
    put = scene.client.queue.put(samples.nothing, retry="never")
    scene.client.commit()
    scene.session.sync()
    partial = scene.session.connection.get(put._p_oid)
    scene.run(s0=ready(room=1))
    scene.client.sync()
    found = scene.client.same(partial)
    found.begin_once()
    found.record_attempt(1, 1, 0, 0)
    scene.client.commit()
    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert partial.state != PENDING
    assert hearing.names == ["JobPut", "JobClaimed", "JobFailed"]
    assert hearing.heard[-1].failure.check(JobCrashed)


@pytest.mark.parametrize(("attempts", "told"), [(2, i.JobRetried), (1, i.JobFailed)])
def test_a_job_that_was_killed_at_its_hard_limit_is_told_of(
    scene: Scene, hearing: Hearing, attempts: int, told: type
) -> None:
    scene.client.sync()
    rule = zcasync.RetryRule(attempts=attempts, backoff=[60])
    put = scene.client.queue.put(samples.nothing, hard_limit=5, retry=rule)
    scene.client.commit()
    scene.session.sync()
    partial = scene.session.connection.get(put._p_oid)
    scene.run(s0=ready(room=1))
    limits = {"soft": None, "hard": 5.0, "began": "then", "killed": 5.2, "hung_in": None}
    scene.run(s0=SlotReport(deaths=[(replace(DEATH, limits=limits), False)]))

    assert hearing.names == ["JobPut", "JobClaimed", told.__name__]
    assert hearing.heard[-1].object is partial
    assert hearing.heard[-1].failure.check(HardTimeLimit)


def test_workers_that_come_and_go_are_told_of(
    connect: Connect, hearing: Hearing, seconds: Seconds
) -> None:
    session, engine = connect(), uuid.uuid4()
    _, worker, incarnation, _ = registration.register(
        session.connection, ONE, engine, {}, Watch(seconds)
    )
    assert [(one.worker, one.engine) for one in hearing.heard] == [(ONE, engine)]
    registration.deregister(session.connection, worker, incarnation)

    assert hearing.names == ["WorkerUp", "WorkerDown"]
    assert (hearing.heard[-1].engine, hearing.heard[-1].reason) == (engine, "stopped")


def test_a_worker_that_is_found_dead_is_told_of(scene: Scene, hearing: Hearing) -> None:
    scene.client.sync()
    dead = scenes.serve(scene.client, TWO, gone())
    engine = dead.engineUUID
    scene.client.commit()
    scene.run(s0=ready(room=1))

    (event,) = [one for one in hearing.heard if isinstance(one, i.WorkerDown)]
    assert (event.worker, event.engine) == (TWO, engine)


def test_a_snooze_is_no_retry(session: Session, hearing: Hearing) -> None:
    partial = claimed(session, jobs.raise_snooze, 60)
    other = claimed(session, jobs.raise_retry, 60)
    hearing.heard.clear()
    Performer().perform(partial)
    Performer().perform(other)

    assert hearing.names == ["JobStarted", "JobStarted", "JobRetried"]
