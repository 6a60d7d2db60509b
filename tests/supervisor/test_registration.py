"""Taking a worker up, taking its predecessor's work over, laying it down."""

from __future__ import annotations

import uuid

import pytest
from ZODB.POSException import ConflictError

from tests.support import scenes
from tests.support.scenes import ELSEWHERE, Seconds, gone
from tests.support.sessions import ONE, TWO, Connect, Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.errors import FencedError, InDoubt
from zcasync.instance.lock import AlreadyServed
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.liveness.takeover import has_leftovers, release_all, take_over
from zcasync.liveness.watch import Watch
from zcasync.supervisor import registration
from zcasync.workers.fence import fence
from zcasync.workers.worker import Worker

ENGINE = uuid.UUID(int=99)


@pytest.fixture
def other(connect: Connect) -> Session:
    """The session of an engine that begins."""
    return connect()


@pytest.fixture
def watch(seconds: Seconds) -> Watch:
    return Watch(seconds)


def begin(session: Session, watch: Watch, **wishes: object) -> tuple[Worker, list[str]]:
    _, worker, _, notes = registration.register(session.connection, ONE, ENGINE, wishes, watch)
    return worker, notes


# begin


def test_the_first_engine_makes_the_worker(session: Session, watch: Watch) -> None:
    manager, worker, incarnation, notes = registration.register(
        session.connection, ONE, ENGINE, {}, watch
    )
    session.sync()

    assert manager is session.manager
    assert session.manager.workers[ONE] is worker
    assert (worker.engineUUID, worker.incarnation, notes) == (ENGINE, incarnation, [])
    assert incarnation.identity == ProcessIdentity.here()
    assert worker.ping.promise == worker.ping_interval + worker.ping_death_interval
    assert worker.last_ping is not None


def test_a_queue_to_serve_that_is_not_there_is_told_in_the_log(
    session: Session, watch: Watch
) -> None:
    worker, notes = begin(session, watch, queues="thread,mial:2")
    assert worker.queues == {"thread": None, "mial": 2}
    assert [note for note in notes if "queue mial" in note and "--add" in note]
    assert len(notes) == 1


def test_settings_that_are_configured_are_written_and_others_stay(
    session: Session, watch: Watch
) -> None:
    worker = scenes.serve(session, identity=gone())
    worker.thread.size, worker.poll_seconds = 7, 3
    session.commit()
    begin(session, watch, children=None, ping_interval=11)

    assert (worker.thread.size, worker.poll_seconds, worker.ping_interval) == (7, 3, 11)


def test_a_size_of_no_children_is_written_too(session: Session, watch: Watch) -> None:
    worker, _ = begin(session, watch, children=0)

    assert worker.thread.size == 0


def test_a_worker_with_a_live_engine_on_this_machine_is_not_taken(
    session: Session, watch: Watch
) -> None:
    worker = scenes.serve(session)
    engine = worker.engineUUID
    with pytest.raises(AlreadyServed, match="stop it first") as caught:
        begin(session, watch)

    assert not isinstance(caught.value, registration.ServedElsewhere)
    session.sync()
    assert worker.engineUUID == engine


@pytest.mark.parametrize("trouble", [scenes.InDoubt, scenes.Away])
def test_the_beginning_of_an_engine_is_looked_up_when_its_commit_is_in_doubt(
    session: Session, other: Session, watch: Watch, trouble: type[scenes.InDoubt | scenes.Away]
) -> None:
    trouble(session)

    worker, notes = begin(session, watch)

    assert notes == []
    other.sync()
    seen = other.same(worker)
    assert seen.engineUUID == ENGINE
    assert seen.incarnation.engineUUID == ENGINE
    worker.poll_seconds = 7  # all that it was given is of the database, and fenced
    other.same(worker.incarnation).end("buried")
    other.commit()
    with pytest.raises((FencedError, ConflictError)):
        session.commit()


def test_an_engine_of_this_process_whose_beginning_was_in_doubt_is_taken_over(
    session: Session, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "PATIENCE", 0.0)
    scenes.InDoubt(session)
    with pytest.raises(InDoubt):
        begin(session, watch)
    session.sync()
    assert session.manager.workers[ONE].engineUUID == ENGINE  # this process lives, the engine not

    another = uuid.uuid4()
    _, worker, _, notes = registration.register(session.connection, ONE, another, {}, watch)
    assert worker.engineUUID == another
    assert "left without saying so" in notes[0]


def test_an_engine_elsewhere_is_waited_for_until_it_was_silent_too_long(
    session: Session, watch: Watch, seconds: Seconds
) -> None:
    worker = scenes.serve(session, identity=ELSEWHERE)
    for _ in range(11):
        with pytest.raises(registration.ServedElsewhere, match="process 7 on far"):
            begin(session, watch)
        seconds.advance(5)
    begin(session, watch)

    assert worker.engineUUID == ENGINE


def test_the_wait_for_an_engine_elsewhere_says_how_long_it_takes(
    session: Session, watch: Watch, seconds: Seconds
) -> None:
    scenes.serve(session, identity=ELSEWHERE)
    with pytest.raises(registration.ServedElsewhere, match="dead in 50 s"):
        begin(session, watch)
    seconds.advance(5)
    with pytest.raises(registration.ServedElsewhere, match="dead in 45 s"):
        begin(session, watch)


def test_the_work_of_a_predecessor_that_is_gone_is_taken_over(
    session: Session, other: Session, watch: Watch
) -> None:
    old = scenes.serve(session, identity=gone())
    (partial,) = scenes.put(session)
    scenes.claim(session, old, [partial])
    _, notes = begin(other, watch)
    session.sync()

    assert (partial.state, partial._interruptions, len(old.thread)) == (PENDING, 1, 0)
    assert "left without saying so" in notes[0]
    said = f"the supervisor, process {gone().pid}, is gone, and its children with it"
    assert said in notes[1]
    assert partial.failed_before[-1].message == f"interrupted: {said}"


def test_a_fenced_engine_cannot_commit_after_its_worker_was_taken(
    session: Session, other: Session, watch: Watch
) -> None:
    old = scenes.serve(session, identity=gone())
    fence(session.connection, old.incarnation)
    begin(other, watch)
    session.sync()
    session.root["late"] = 1

    with pytest.raises(FencedError, match="its process was gone"):
        session.commit()


# take_over


@pytest.fixture
def left(session: Session) -> tuple[Worker, list[Partial]]:
    """A dead worker with one that runs, one with a callback to do, and one that is over."""
    dead = scenes.serve(session, TWO, gone())
    running, resumed, over = scenes.put(session, 3)
    scenes.claim(session, dead, [running, resumed, over])
    resumed.addCallback(Partial(abs))
    scenes.end(resumed, 3)
    scenes.end(over, 4)
    session.commit()
    return dead, [running, resumed, over]


def test_an_heir_gets_jobs_with_callbacks_to_run(
    session: Session, left: tuple[Worker, list[Partial]]
) -> None:
    dead, (running, resumed, over) = left
    heir = scenes.serve(session)
    take_over(dead, "it is dead", heir, heir.incarnation)
    session.commit()

    assert (running.state, resumed.state, over.state) == (PENDING, CALLBACKS, COMPLETED)
    assert running._interruptions == 1
    assert list(heir.thread) == [resumed]
    assert resumed.claim is heir.incarnation
    assert list(heir.completed) == [over]
    assert (len(dead.thread), dead.engineUUID, len(dead.completed)) == (0, None, 0)
    assert dead.incarnation.end_reason == "it is dead"
    assert not has_leftovers(dead)


@pytest.mark.parametrize("act", ["put_again", "discard"])
def test_what_an_heir_has_as_completed_leaves_it_for_a_retry_or_for_good(
    session: Session, left: tuple[Worker, list[Partial]], act: str
) -> None:
    dead, (_, _, over) = left
    heir = scenes.serve(session)
    take_over(dead, "it is dead", heir, heir.incarnation)
    session.commit()

    getattr(session.queue, act)([over])
    session.commit()

    assert list(heir.completed) == list(dead.completed) == []
    assert (over in session.queue) is (act == "put_again")
    assert inspect(session.connection, session.manager).findings == []


def test_callbacks_without_an_heir_wait_where_they_are(
    session: Session, left: tuple[Worker, list[Partial]]
) -> None:
    dead, (running, resumed, over) = left
    take_over(dead, "released", None, None)
    session.commit()

    assert running.state == PENDING
    assert list(dead.thread) == [resumed]
    assert list(dead.completed) == [over]
    assert has_leftovers(dead)


def test_callbacks_left_by_an_engine_go_to_the_next_engine_that_checks(
    session: Session, left: tuple[Worker, list[Partial]]
) -> None:
    dead, (_, resumed, _) = left
    take_over(dead, "released", None, None)
    session.commit()
    heir = scenes.serve(session)
    take_over(dead, "left over", heir, heir.incarnation)

    assert list(heir.thread) == [resumed]
    assert not has_leftovers(dead)
    assert dead.incarnation.end_reason == "released", "the first reason stays"


def test_an_engine_takes_its_own_predecessors_callbacks_over(
    session: Session, watch: Watch
) -> None:
    worker = scenes.serve(session, ONE, gone())
    (partial,) = scenes.put(session)
    scenes.claim(session, worker, [partial])
    partial.addCallback(Partial(abs))
    scenes.end(partial, 3)
    session.commit()
    begin(session, watch)

    assert list(worker.thread) == [partial]
    assert partial.claim is worker.incarnation


@pytest.mark.parametrize("heir", ["itself", "another", "nobody"])
def test_a_claim_that_cannot_be_loaded_is_quarantined_until_it_can(
    session: Session, connect: Connect, monkeypatch: pytest.MonkeyPatch, heir: str
) -> None:
    dead = scenes.serve(session, TWO, gone())
    strange = session.queue.put(scenes.fickle())
    session.commit()
    scenes.claim(session, dead, [strange])
    scenes.claim(session, dead, scenes.put(session), slot=1)

    def taken_over() -> tuple[list[str], Session]:
        later = connect()
        old = later.manager.workers[TWO]
        new = {"itself": lambda: old, "another": lambda: scenes.serve(later)}.get(heir)
        worker = new() if new else None
        notes = take_over(old, "gone", worker, worker and worker.incarnation)
        later.commit()
        return notes, later

    with monkeypatch.context() as release:
        release.setattr(scenes.Fickle, "refuses", True)
        notes, later = taken_over()
        assert "ValueError: this release knows no such thing" in "".join(notes)
        old = later.manager.workers[TWO]
        assert (len(old.thread), len(later.queue), old.engineUUID) == (0, 1, None)
        assert not has_leftovers(old)
        release_all(old.thread)
    holder = later.manager.workers[ONE] if heir == "another" else old
    assert [one._p_oid for one in holder.thread.unreadable] == [strange._p_oid]
    take_over(holder, "again", holder, holder.incarnation)
    later.commit()
    session.sync()
    assert (strange.state, len(session.queue)) == (PENDING, 2)
    assert holder.thread.unreadable == ()


def test_a_partial_that_waits_for_another_needs_no_heir(session: Session) -> None:
    dead = scenes.serve(session, TWO, gone())
    (partial,) = scenes.put(session)
    scenes.claim(session, dead, [partial])
    partial.wait_for(session.keep(Partial(abs, 1)))
    session.commit()
    take_over(dead, "it is dead", None, None)

    assert (partial.state, partial._interruptions, len(dead.thread)) == (ACTIVE, 0, 0)


def test_a_job_that_completes_meanwhile_is_not_released(session: Session, other: Session) -> None:
    dead = scenes.serve(session, TWO, gone())
    (partial,) = scenes.put(session)
    scenes.claim(session, dead, [partial])
    other.sync()  # an operator's view, before the job ends
    take_over(other.same(dead), "released by an operator", None, None)
    session.sync()
    scenes.end(partial, 3)
    session.commit()

    with pytest.raises(ConflictError):
        other.commit()
    other.sync()
    take_over(other.same(dead), "released by an operator", None, None)
    other.commit()
    assert (other.same(partial).state, other.same(partial).result) == (COMPLETED, 3)


# end


def test_the_end_of_an_engine_releases_unfinished_claims_uncounted(
    session: Session, other: Session
) -> None:
    worker = scenes.serve(session)
    partials = scenes.put(session, 3)
    scenes.claim(session, worker, partials[:2])
    scenes.claim(session, worker, partials[2:], slot=1)
    partials[0].addCallback(Partial(abs))
    scenes.end(partials[0], 3)
    session.commit()

    assert registration.deregister(session.connection, worker, worker.incarnation) == 2
    other.sync()
    seen = other.manager.workers[ONE]
    assert seen.engineUUID is None
    assert seen.incarnation.end_reason == "stopped"
    assert [one._p_oid for one in seen.thread] == [partials[0]._p_oid]
    assert [one._p_oid for one in other.queue] == [one._p_oid for one in partials[1:]]
    assert [one._interruptions for one in partials] == [0, 0, 0]


@pytest.mark.parametrize("trouble", [scenes.InDoubt, scenes.Away])
def test_the_end_of_an_engine_is_looked_up_when_its_commit_is_in_doubt(
    session: Session, trouble: type[scenes.InDoubt | scenes.Away]
) -> None:
    worker = scenes.serve(session)
    partials = scenes.put(session, 2)
    scenes.claim(session, worker, partials)
    trouble(session)

    assert registration.deregister(session.connection, worker, worker.incarnation) == 2
    session.sync()
    assert (worker.engineUUID, worker.incarnation.end_reason) == (None, "stopped")
    assert [partial.state for partial in partials] == [PENDING, PENDING]
    assert [partial._interruptions for partial in partials] == [0, 0]


def test_the_end_of_a_buried_engine_leaves_its_successor_alone(session: Session) -> None:
    worker = scenes.serve(session)
    buried = worker.incarnation
    buried.end("it was silent")
    session.commit()
    successor = scenes.serve(session).engineUUID

    assert registration.deregister(session.connection, worker, buried) == 0
    session.sync()
    assert worker.engineUUID == successor
    assert buried.end_reason == "it was silent"
