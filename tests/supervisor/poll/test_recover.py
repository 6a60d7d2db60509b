"""Recovery: deaths, returned and rescheduled jobs, slots given up, unloadable records."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.supervisor.poll.scene import DEATH, Scene, oids, ready
from tests.support import scenes
from tests.support.scenes import gone
from tests.support.sessions import TWO, FakeClock
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.liveness.death import Death
from zcasync.perform.performer import Performer
from zcasync.supervisor.poll.messages import SlotReport
from zcasync.workers.fence import fence


def had(*partials: Partial) -> Death:
    """The death of a child that had these."""
    return replace(DEATH, at_stake=frozenset(oids(list(partials))))


def test_a_death_interrupts_the_running_job_and_releases_the_others(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    done = scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert [partial._interruptions for partial in partials] == [1, 0]
    assert [partial.state for partial in partials] == [PENDING] * 2
    assert scene.held() == []
    assert "SIGKILL" in done.log[0]


def test_a_callback_that_was_taken_over_loses_an_attempt_to_its_own_engine_only(
    scene: Scene,
) -> None:
    """A pass buries it, and hears then of a child that died behind its last commit."""
    (own,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.reschedule(own, 3)
    scene.seconds.advance(60)  # until it looks at its peers again
    dead = scenes.serve(scene.client, TWO, gone())
    (theirs,) = scenes.put(scene.client)
    scenes.claim(scene.client, dead, [theirs])
    callback = theirs.addCallback(Partial(abs))
    scenes.end(theirs, 1)
    scene.client.commit()
    scene.run(s0=SlotReport(ready=True, deaths=[(had(own), False)]))

    scene.client.sync()
    assert theirs._p_oid in oids(scene.held()), "it is the heir's now"
    assert (theirs.interruptions, callback.interruptions) == (0, 1)


def test_two_deaths_in_one_slot_interrupt_a_job_each(scene: Scene) -> None:
    partials = first, second = scene.put(2)
    scene.run(s0=ready(room=2))
    done = scene.run(s0=SlotReport(deaths=[(had(first), False), (had(second), False)]))

    assert [partial._interruptions for partial in partials] == [1, 1]
    assert len(done.log) == 2


def test_a_death_at_no_job_interrupts_nothing(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.run(s0=SlotReport(deaths=[(DEATH, True)]))

    assert (partial.state, partial._interruptions) == (PENDING, 0)


def test_a_job_that_a_replacement_already_has_is_not_taken_from_it(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    slot = ready(in_hand=partials[1:])
    slot.deaths = [(DEATH, False)]
    scene.run(s0=slot)

    assert [partial.state for partial in partials] == [PENDING, ACTIVE]
    assert scene.held() == partials[1:]


def test_revoked_jobs_wait_again(scene: Scene) -> None:
    partials = scene.put(3)
    scene.run(s0=ready(room=3))
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])
    scene.run(s0=slot)

    assert [partial.state for partial in partials] == [ACTIVE, PENDING, PENDING]
    assert scene.held() == partials[:1]


def test_callbacks_that_are_taken_from_behind_a_long_job_are_run_by_another_child(
    scene: Scene,
) -> None:
    scene.size(2)
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    partials[1].addCallback(Partial(abs))
    scenes.end(partials[1], 3)
    scene.session.commit()
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])

    done = scene.run(s0=slot, s1=ready())

    assert done.hand_out.slots == {1: oids(partials[1:])}, "its own would be asked again, for ever"
    assert (scene.held(0), scene.held(1)) == (partials[:1], partials[1:])


def test_callbacks_that_are_taken_back_stay_where_there_is_no_other_child(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    partials[1].addCallback(Partial(abs))
    scenes.end(partials[1], 3)
    scene.session.commit()
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])

    assert scene.run(s0=slot).hand_out.slots == {0: oids(partials[1:])}


def test_callbacks_of_a_slot_beyond_the_size_are_run_in_the_first_one(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    scene.run(s0=ready(room=1), s1=ready(room=1))
    for partial in partials:
        partial.addCallback(Partial(abs))
        scenes.end(partial, 3)
    scene.size(1)
    leaving = SlotReport(outstanding=frozenset(oids(partials[1:])))
    assert scene.run(s0=ready(in_hand=partials[:1]), s1=leaving).hand_out.slots == {}

    done = scene.run(s0=ready(in_hand=partials[:1]), s1=SlotReport(deaths=[(DEATH, False)]))
    assert done.hand_out.slots == {0: oids(partials[1:])}
    assert (scene.held(0), scene.held(1)) == (partials, [])


def test_an_isolated_job_waits_in_its_slot_for_the_next_child(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    partials[0]._isolated = True
    scene.session.commit()
    scene.run(s0=ready(room=2))
    scene.run(s0=SlotReport(deaths=[(DEATH, True)]))
    assert scene.held(0) == partials[:1], "the other one is free again"

    done = scene.run(s0=ready(room=1))
    assert done.hand_out.slots[0][0] == partials[0]._p_oid
    assert partials[0].interruptions == 0


def test_an_isolated_job_does_not_wait_in_a_slot_that_there_is_no_more(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    for partial in partials:
        partial._isolated = True
    scene.session.commit()
    scene.run(s0=ready(room=1), s1=ready(room=1))
    held = scene.held(1)
    scene.run(s1=SlotReport(deaths=[(DEATH, True)]))
    assert scene.held(1) == held
    scene.size(1)

    scene.run(s0=ready(in_hand=scene.held(0)))
    assert scene.held(1) == []
    assert [one.state for one in held] == ["pending"]


def test_a_rescheduled_job_leaves_its_worker(scene: Scene, fake_clock: FakeClock) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    scene.reschedule(partials[0], 3)
    scene.run(s0=ready(in_hand=partials))
    assert partials[0].state == ACTIVE, "the child has not said that it is done with it"

    done = scene.run(s0=ready(room=1, in_hand=partials[1:]))
    assert (partials[0].state, partials[0].claim, partials[0]._interruptions) == (PENDING, None, 0)
    assert scene.held() == partials[1:]
    assert (done.claimed, done.hand_out.slots, done.schedule.delay) == (0, {}, 3)

    fake_clock.advance(seconds=3)
    assert scene.run(s0=ready(room=1, in_hand=partials[1:])).hand_out.slots == {
        0: oids(partials[:1])
    }


def test_a_job_that_a_child_cannot_load_is_quarantined(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    slot = ready(in_hand=partials[1:])
    slot.unreadable = {partials[0]._p_oid: "ValueError: no such thing"}
    done = scene.run(s0=slot)

    assert (scene.held(), done.hand_out.slots) == (partials[1:], {})
    assert "is set aside: ValueError: no such thing" in "".join(done.log)
    assert list(scene.worker.thread.unreadable) == partials[:1]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_death_counts_once_though_the_commit_about_it_was_in_doubt(
    scene: Scene, is_there: bool
) -> None:
    scene.size(1)
    partials = scene.put(2)
    scene.run(s0=ready(room=1))
    slot = ready(room=2)
    slot.deaths = [(DEATH, False)]
    if is_there:
        scenes.InDoubt(scene.session)
    else:
        scenes.Away(scene.session)
    with pytest.raises(ClientDisconnected):
        scene.run(s0=slot)

    again = scene.run(s0=slot)
    assert [partial._interruptions for partial in partials] == [1, 0]
    assert sorted(again.hand_out.slots[0]) == sorted(oids(partials))

    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))
    assert sorted(partial._interruptions for partial in partials) in ([1, 1], [0, 2])


def test_a_death_counts_once_when_the_commit_that_noted_it_was_in_doubt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass is made again, and what it claimed after the death is not taken for interrupted."""
    first, second = scene.put(2)
    scene.run(s0=ready(room=2))
    lost = ready(room=2)
    lost.deaths = [(DEATH, False)]
    commit = scene.session.transactions.commit

    def commit_and_lose_the_storage() -> None:
        commit()
        raise ClientDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(scene.session.transactions, "commit", commit_and_lose_the_storage)
        with pytest.raises(ClientDisconnected):
            scene.run(s0=lost)
    again = ready()
    again.deaths = [*lost.deaths, (DEATH, True)]
    done = scene.run(s0=again)

    assert (first._interruptions, second._interruptions) == (1, 0)
    assert [partial.state for partial in (first, second)] == [PENDING] * 2, "of the second death"
    assert done.log == []


def test_who_waits_has_the_failure_of_a_handing_on_that_is_interrupted_too_often(
    scene: Scene,
) -> None:
    waiting, awaited = scene.put(2)
    scene.run(s0=ready(room=2))
    after = waiting.addCallback(Partial(str))
    waiting.wait_for(awaited)
    scene.session.commit()
    scene.run(s0=ready(in_hand=[awaited]))
    scenes.end(awaited, 1)
    [handing_on] = awaited.callbacks
    handing_on._interruptions = 9
    scene.session.commit()

    done = scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert handing_on.result.check(AbortedError)
    assert waiting.result.check(AbortedError)
    assert after.state == PENDING
    assert scene.held() == [awaited], "somebody has to run the callbacks of who has waited"
    assert "interrupted 10 times" in waiting.result.getErrorMessage()
    assert "is ended" in "".join(done.log)
    Performer().run_callbacks(awaited)
    assert {one.state for one in (waiting, awaited, handing_on, after)} == {COMPLETED}


def test_a_death_at_the_end_of_a_long_chain_is_judged_without_recursion(scene: Scene) -> None:
    partials = scene.put(1000)
    scene.run(s0=ready(room=1000))
    for waiting, awaited in pairwise(partials):
        waiting.wait_for(awaited)
    scene.session.commit()
    scene.run(s0=ready(in_hand=partials[-1:]))
    assert scene.held() == partials[-1:], "who waits is in nobody's hands"
    scenes.end(partials[-1], 1)
    for awaited in partials[-1:500:-1]:  # it has died at the handing on of number 501
        [handing_on] = awaited.callbacks
        scenes.end(handing_on)
        scenes.end(handing_on.stored_arguments[0], 1)
    scene.session.commit()

    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert [one._interruptions for one in partials[500].callbacks] == [1]
    assert scene.held() == [partials[-1]]
    Performer().run_callbacks(partials[-1])
    assert {(one.state, one.result) for one in partials} == {(COMPLETED, 1)}


def test_what_an_undo_brings_back_into_the_claims_of_a_later_engine_goes_on(scene: Scene) -> None:
    """Give-backs and ends of an earlier engine, which is over, can be undone for a moment."""
    waits, has_callbacks = scene.put(2)
    has_callbacks.addCallback(abs)
    scene.session.commit()
    scene.run(s0=ready(room=2))
    scenes.end(has_callbacks, 1)
    before = scene.worker.incarnation
    assert before is not None
    fence(scene.session.connection, None)
    before.end("stopped")
    scenes.serve(scene.session)
    scenes.fenced(scene.session, scene.worker)
    scene.records = replace(scene.records, incarnation=scene.worker.incarnation)
    scene.renew_passes()

    done = scene.run(s0=ready(room=2))
    assert waits.claim is has_callbacks.claim is scene.worker.incarnation
    assert set(done.hand_out.slots[0]) == {waits._p_oid, has_callbacks._p_oid}
