"""Ending what waits: by the pass, so that callbacks run where workers run."""

from __future__ import annotations

import pytest
from ZODB.POSException import StorageError

from tests.supervisor.poll.scene import DEATH, Scene, oids, ready
from tests.support import scenes
from tests.support.sessions import TWO, Session
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.perform.progress import Progress
from zcasync.supervisor.poll import cancel as cancel_module
from zcasync.supervisor.poll.cancel import end_waiting
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.workers.claims import ClaimList
from zcasync.workers.worker import Worker


@pytest.fixture
def worker(session: Session) -> Worker:
    return scenes.serve(session)


def cancel(
    session: Session, worker: Worker, *partials: Partial, holders: list[ClaimList] | None = None
) -> list[str]:
    done: list[str] = []
    lists = {kind: getattr(worker, kind).lists(1)[0] for kind in ("thread", "reactor")}
    wanted = {partial._p_oid: "somebody" for partial in partials}
    end_waiting(session.connection, worker.incarnation, wanted, lists, done, holders or [])
    session.commit()
    return done


def test_a_cancelled_partial_in_a_queue_ends_and_is_claimed_for_its_callbacks(
    session: Session, worker: Worker
) -> None:
    plain, followed = scenes.put(session, 2)
    followed.addCallback(Partial(abs))
    session.commit()
    done = cancel(session, worker, plain, followed)
    assert (plain.state, followed.state) == (COMPLETED, CALLBACKS)
    assert plain.result.check(AbortedError)
    assert "cancelled by somebody" in plain.result.getErrorMessage()
    assert list(worker.thread) == [plain, followed]
    assert followed.claim is worker.incarnation
    assert len(session.queue) == 0
    assert session.claim() == []
    assert len(done) == 2


def test_a_cancelled_partial_that_waits_for_another_one_ends(
    session: Session, worker: Worker
) -> None:
    (partial,) = scenes.put(session)
    scenes.claim(session, worker, [partial])
    partial.wait_for(session.keep(Partial(abs, 1)))
    worker.thread.remove(partial)
    session.commit()
    cancel(session, worker, partial)
    assert (partial.state, partial._waits_for) == (COMPLETED, None)
    assert len(session.queue) == 0


def test_a_cancelled_partial_that_has_just_begun_to_wait_leaves_the_list_it_is_still_in(
    session: Session, worker: Worker
) -> None:
    other = scenes.serve(session, TWO)
    theirs, stays = scenes.put(session, 2)
    scenes.claim(session, other, [theirs, stays])
    theirs.wait_for(session.keep(Partial(abs, 1)))
    theirs.addCallback(Partial(abs))
    session.commit()
    cancel(session, worker, theirs, holders=[*other.thread._lists, *worker.thread._lists])
    assert (theirs.state, theirs.claim) == (CALLBACKS, worker.incarnation)
    assert (list(worker.thread), list(other.thread)) == ([theirs], [stays])


def test_partials_of_other_workers_finished_ones_and_other_objects_are_left_alone(
    session: Session, worker: Worker
) -> None:
    other = scenes.serve(session, TWO)
    theirs, over = scenes.put(session, 2)
    scenes.claim(session, other, [theirs, over])
    scenes.end(over, 4)
    session.commit()
    loose = session.keep(Partial(abs, 1))
    unknown = Partial(abs, 1)
    unknown._p_oid = b"\xff" * 8
    done = cancel(session, worker, theirs, over, loose, unknown, session.root)
    assert (theirs.state, over.result, len(worker.thread)) == (ACTIVE, 4, 0)
    reasons = ["another worker runs it", "it is over", "it is in no queue", "there is no such job"]
    assert [line.partition(" is dropped: ")[2] for line in done[:4]] == reasons
    assert "is dropped: it is no job" in done[4]


def test_a_rescheduled_job_can_be_cancelled(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.reschedule(partial, 3)
    done = scene.run(PassInput(cancelled={partial._p_oid: "jane"}), s0=ready())

    assert partial.result.check(AbortedError)
    assert done.cancelled == oids([partial])


def test_a_job_that_has_just_begun_to_wait_for_another_one_can_be_cancelled(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.client.sync()
    theirs = scene.client.same(partial)
    theirs.wait_for(scene.client.keep(Partial(abs, 1)))
    scene.client.commit()
    done = scene.run(PassInput(cancelled={partial._p_oid: "jane"}, has_changes=True), s0=ready())
    assert (partial.state, done.cancelled) == (COMPLETED, oids([partial]))
    assert partial.result.check(AbortedError)
    assert (scene.held(), list(scene.worker.completed)) == ([], [partial])


def test_a_cancelled_job_ends_once_its_child_is_gone(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    cancelled = {partial._p_oid: "jane"}
    done = scene.run(PassInput(cancelled=cancelled), s0=ready(in_hand=[partial]))
    assert (partial.state, done.cancelled) == (ACTIVE, [])

    done = scene.run(PassInput(cancelled=cancelled), s0=SlotReport(deaths=[(DEATH, False)]))
    assert partial.result.check(AbortedError)
    assert done.cancelled == oids([partial])


def test_the_callback_of_a_job_that_was_cancelled_before_it_began_is_not_blamed_for_a_death(
    scene: Scene,
) -> None:
    (waiting,) = scene.put()
    scene.client.sync()
    callback = scene.client.same(waiting).addCallbacks(None, abs)
    scene.client.commit()
    scene.run(
        PassInput(cancelled={waiting._p_oid: "jane"}),
        s0=SlotReport(ready=True, deaths=[(DEATH, False)]),
    )

    scene.client.sync()
    assert scene.client.same(waiting).state == CALLBACKS
    assert (callback.state, callback._interruptions) == (PENDING, 0)


@pytest.mark.parametrize("how", ["cancelled", "interrupted", "waits"])
def test_a_callback_that_comes_while_a_pass_ends_its_job_is_not_lost(
    scene: Scene, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass retires what it has ended in the same commit, so it has to know all callbacks."""
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial._interruptions = 9
    if how == "waits":
        partial.wait_for(scene.session.keep(Partial(abs, 1)))
    scene.session.commit()
    look = scene.passes._affinity.begin_pass
    added: list[Partial] = []

    def look_late(manager: object) -> None:
        look(manager)
        assert partial.callbacks == () or added
        if not added:
            scene.client.sync()
            added.append(scene.client.same(partial).addCallback(abs))
            scene.client.commit()

    monkeypatch.setattr(scene.passes._affinity, "begin_pass", look_late)
    cancelled = {} if how == "interrupted" else {partial._p_oid: "jane"}
    deaths = [] if how == "waits" else [(DEATH, False)]
    done = scene.run(PassInput(cancelled=cancelled), s0=SlotReport(ready=True, deaths=deaths))

    assert done.conflicts == 1
    assert partial.state == CALLBACKS
    assert partial.result.check(AbortedError)
    assert (scene.held(), done.hand_out.slots) == ([partial], {0: oids([partial])})


def fail_for(partial: Partial, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the cancel of one job fail half way, each time."""
    done = cancel_module.cancel

    def cancel_some(one: Partial, who: str, log: list[str]) -> None:
        done(one, who, log)
        if one._p_oid == partial._p_oid:
            raise error

    monkeypatch.setattr(cancel_module, "cancel", cancel_some)


def test_a_cancel_that_fails_is_dropped_and_the_rest_of_the_pass_is_made(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, other = scene.put(3)
    fail_for(bad, monkeypatch, AttributeError("no such thing"))
    cancelled = {one._p_oid: "jane" for one in (bad, good)}
    done = scene.run(PassInput(cancelled=cancelled), s0=ready(room=3))

    assert good.result.check(AbortedError)
    assert sorted(done.cancelled) == sorted(cancelled)
    assert done.hand_out.slots == {0: oids([bad, other])}, "as if it had never been cancelled"
    (line,) = [line for line in done.log if "is dropped" in line]
    assert "the cancel by jane of job" in line
    assert "AttributeError: no such thing" in line


def test_a_cancel_that_the_storage_cannot_take_now_is_not_dropped(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = scene.put()
    fail_for(partial, monkeypatch, StorageError("away"))
    with pytest.raises(StorageError):
        scene.run(PassInput(cancelled={partial._p_oid: "jane"}), s0=ready(room=1))


@pytest.mark.parametrize("oid", [b"", b"x", b"\0" * 9, b"\xff" * 8])
def test_an_id_that_is_none_costs_a_pass_nothing(scene: Scene, oid: bytes) -> None:
    (partial,) = scene.put()
    done = scene.run(PassInput(cancelled={oid: "jane"}), s0=ready(room=1))
    assert done.hand_out.slots == {0: oids([partial])}
    assert done.cancelled == [oid]


def test_progress_of_a_job_that_is_not_there_costs_a_pass_nothing(scene: Scene) -> None:
    (partial,) = scene.put()
    note = Progress(1, 2, "half way", 0)
    done = scene.run(PassInput(progress={b"\xff" * 8: note}), s0=ready(room=1))
    assert done.hand_out.slots == {0: oids([partial])}
    assert "a note of the progress of job 0xffffffffffffffff is dropped" in "".join(done.log)


def test_a_note_of_progress_that_fails_takes_no_cancel_with_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    oid, note = partial._p_oid, Progress(1, 2, "half way", 0)

    def fail(progress: Progress) -> None:
        raise TypeError("no such note")

    monkeypatch.setattr(Progress, "as_dict", fail)
    given = PassInput(progress={oid: note}, cancelled={oid: "jane"})
    done = scene.run(given, s0=ready(in_hand=[partial]))
    assert done.cancelled == [], "it still runs"
    (line,) = [line for line in done.log if "is dropped" in line]
    assert "a note of the progress" in line
    given = PassInput(progress={oid: note}, cancelled={oid: "jane"})
    done = scene.run(given, s0=SlotReport(deaths=[(DEATH, False)]))
    assert partial.result.check(AbortedError)
    assert done.cancelled == [oid]
