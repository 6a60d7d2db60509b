"""Dispatch: as much is claimed as there is room, for the slots that have least to do."""

from __future__ import annotations

import pytest

from tests.jobs import samples
from tests.supervisor.poll.scene import Scene, completed, oids, ready
from tests.support import scenes
from tests.support.scenes import gone
from tests.support.sessions import TWO, Connect, FakeClock
from zcasync import Partial
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.perform.performer import Performer
from zcasync.supervisor.poll.messages import PassInput, SlotReport


def test_as_many_jobs_are_claimed_as_there_is_room_for(scene: Scene) -> None:
    partials = scene.put(3)
    done = scene.run(s0=ready(room=2))

    assert (done.claimed, done.hand_out.slots) == (2, {0: oids(partials[:2])})
    assert [partial.state for partial in partials] == [ACTIVE, ACTIVE, PENDING]
    assert all(partial.claim is scene.worker.incarnation for partial in partials[:2])
    scene.client.sync()
    assert len(scene.client.queue) == 1, "it is committed"


def test_jobs_go_to_the_slot_that_has_the_fewest(scene: Scene) -> None:
    scene.size(2)
    first = scene.put(2)
    scene.run(s0=ready(room=2), s1=ready())
    more = scene.put(4)
    scene.run(s0=ready(room=5, in_hand=first), s1=ready(room=5))

    assert scene.held(0) == [*first, more[2]]
    assert scene.held(1) == [more[0], more[1], more[3]]


def test_dispatch_ends_where_the_room_ends(scene: Scene) -> None:
    scene.size(2)
    scene.put(5)
    scene.run(s0=ready(room=1), s1=ready(room=3))

    assert (len(scene.held(0)), len(scene.held(1))) == (1, 3)


def test_a_child_that_is_not_ready_is_handed_nothing(scene: Scene) -> None:
    partials = scene.put(2)
    scene.run(s0=ready(room=2))
    assert scene.run(s0=SlotReport()).hand_out.slots == {}
    assert scene.run(s0=ready(in_hand=partials[:1])).hand_out.slots == {0: oids(partials[1:])}


def test_no_job_is_claimed_for_slots_beyond_the_size(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.size(0)
    done = scene.run(s0=ready(room=1))

    assert (done.claimed, done.hand_out.thread_size, partial.state) == (0, 0, PENDING)


def test_reactor_jobs_are_limited_by_those_at_work(scene: Scene) -> None:
    for number in range(6):
        scene.client.manager.reactor.put(Partial(abs, number))
    scene.client.commit()
    scene.worker.reactor.size = 3
    scene.session.commit()
    work = PassInput(reactor=SlotReport(ready=True, outstanding=frozenset([b"a", b"b"])))
    work.reactor.deferred = frozenset([b"b"])
    done = scene.run(work)

    assert len(done.hand_out.reactor) == 2, "the one that waits for its Deferred takes no room"


def test_more_reactor_jobs_than_may_be_at_work_are_left_over_and_take_turns(
    scene: Scene, connect: Connect
) -> None:
    dead = scenes.serve(scene.session, TWO, gone())
    partials = scene.put(7)
    for partial in partials:
        partial.addCallback(Partial(abs))
    scene.session.commit()
    scenes.claim(scene.session, dead, partials)
    for partial in partials:
        scenes.end(partial, 1)
    dead.reactor.lists(1)[0].items, dead.thread._lists[0].items = tuple(partials), ()
    scene.session.commit()

    done = scene.run(PassInput(reactor=SlotReport(ready=True)))
    assert len(scene.worker.reactor) == 7
    assert done.hand_out.reactor == oids(partials[: scene.worker.reactor.size])

    at_work = SlotReport(ready=True, outstanding=frozenset(done.hand_out.reactor[1:]))
    assert len(scene.run(PassInput(reactor=at_work)).hand_out.reactor) == 1


def test_a_released_job_is_claimed_in_the_same_pass_for_a_slot_with_room(scene: Scene) -> None:
    scene.size(2)
    partials = scene.put(2)
    scene.run(s0=ready(room=2), s1=ready())
    slot = ready(in_hand=partials[:1])
    slot.returned = oids(partials[1:])
    done = scene.run(s0=slot, s1=ready(room=1))

    assert done.hand_out.slots == {1: oids(partials[1:])}


@pytest.mark.parametrize("waits", ["in the queue", "for another one"])
def test_callbacks_that_an_application_has_left_are_run_by_a_worker(
    scene: Scene, fake_clock: FakeClock, waits: str
) -> None:
    client = scene.client
    partial = client.queue.put(Partial(abs, -1))
    died, behind = partial.addCallback(samples.interrupt), partial.addCallback(abs)
    client.commit()
    if waits == "for another one":
        scene.run(s0=ready(room=1))
        client.sync()
        partial.wait_for(client.queue.put(abs, fake_clock.later(hours=1)))
        client.commit()
        scene.run(s0=ready())
        client.sync()
    with pytest.raises(KeyboardInterrupt):
        partial.fail()
    assert (partial.state, died.state, behind.state) == (CALLBACKS, PENDING, PENDING)
    waiting = (len(client.queue), client.queue.count_held())
    assert waiting == ((0, 0) if waits == "in the queue" else (1, 1))

    done = scene.run(s0=ready(room=1))
    assert (done.hand_out.slots, scene.held()) == ({}, [])
    fake_clock.advance(seconds=15)
    done = scene.run(s0=ready(room=1))
    assert done.hand_out.slots == {0: [partial._p_oid]}
    own = scene.session.connection.get(partial._p_oid)
    own.callbacks[0]._call = own.callbacks[1]._call  # where it does not die
    scene.session.commit()
    assert Performer().perform_claimed(own, scene.worker.incarnation)
    scene.run(s0=ready(room=1))
    assert (own.state, list(scene.worker.completed), scene.held()) == (COMPLETED, [own], [])
    client.sync()
    assert (len(client.queue), client.queue.count_held()) == waiting


def test_callbacks_that_an_application_has_run_are_left_alone(
    scene: Scene, fake_clock: FakeClock
) -> None:
    partial = scene.client.queue.put(Partial(abs, -1))
    partial.addCallback(samples.give_back)
    scene.client.commit()
    partial.fail()
    fake_clock.advance(seconds=15)
    done = scene.run(s0=ready(room=1))

    assert (done.hand_out.slots, done.claimed, scene.held()) == ({}, 0, [])
    scene.client.sync()
    assert (len(scene.client.queue), scene.client.queue.count_held()) == (0, 0)


def run_again(scene: Scene) -> Partial:
    """A job that its child has completed, without the engine having heard of it, waits again."""
    [partial] = scene.put(1)
    scene.run(s0=ready(room=1))
    scenes.end(partial, 1)
    scene.session.commit()
    scene.client.sync()
    scene.client.same(partial).retry()
    scene.client.commit()
    return partial


@pytest.mark.parametrize("is_heard", [False, True])
def test_what_is_run_again_goes_to_no_child_that_still_has_to_report_its_last_end(
    scene: Scene, fake_clock: FakeClock, is_heard: bool
) -> None:
    partial = run_again(scene)
    late = completed({partial._p_oid: 5}, room=1) if is_heard else ready(1, [partial])
    result = scene.run(s0=late)
    assert (partial.state, scene.held(), result.hand_out.slots) == (PENDING, [], {})
    assert list(scene.worker.completed) == []

    if not is_heard:  # now it is
        scene.run(s0=completed({partial._p_oid: 5}))
    assert list(scene.worker.completed) == []
    fake_clock.advance(seconds=1)
    result = scene.run(s0=ready(room=1))
    assert (partial.state, scene.held()) == (ACTIVE, [partial])
    assert result.hand_out.slots == {0: [partial._p_oid]}


def test_what_is_run_again_goes_to_another_child_at_once(scene: Scene) -> None:
    scene.size(2)
    partial = run_again(scene)
    result = scene.run(s0=ready(1, [partial]), s1=ready(1))
    assert (scene.held(0), scene.held(1)) == ([], [partial])
    assert result.hand_out.slots == {1: [partial._p_oid]}
