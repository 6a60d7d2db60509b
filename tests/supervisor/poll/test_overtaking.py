"""What is more urgent goes in front of what children have been assigned and not begun."""

from __future__ import annotations

from tests.jobs import samples
from tests.supervisor.poll.scene import DEATH, Scene, completed, oids, ready
from tests.support.sessions import FakeClock
from zcasync import Partial
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import SlotReport


def put(scene: Scene, *priorities: int, **options: object) -> list[Partial]:
    """The client puts calls with these priorities; the partials as the engine sees them."""
    scene.client.sync()
    queue = scene.client.queue
    found = [queue.put(samples.nothing, priority=one, **options) for one in priorities]
    scene.client.commit()
    scene.session.sync()
    return [scene.session.same(partial) for partial in found]


def full(in_hand: list[Partial], room: int = 0) -> SlotReport:
    """A child at short jobs, with some that it has not begun."""
    report = ready(room, in_hand)
    report.may_overtake = True
    return report


def test_what_is_urgent_is_claimed_though_there_is_no_room(scene: Scene) -> None:
    plain = put(scene, 0, 0, 0)
    scene.run(s0=ready(room=3))
    [urgent, second] = put(scene, -1, -1)
    done = scene.run(s0=full(plain))

    assert scene.held() == [plain[0], urgent, *plain[1:]], "the first one runs"
    assert (urgent.state, second.state) == (ACTIVE, PENDING), "one at a time"
    assert done.hand_out.slots == {0: [urgent._p_oid]}
    assert done.hand_out.orders == {0: oids([plain[0], urgent, *plain[1:]])}

    in_hand = [plain[0], urgent, *plain[1:]]
    assert scene.run(s0=full(in_hand)).claimed == 0, "what is next is as urgent"
    [first] = put(scene, -2)
    assert scene.run(s0=full(in_hand)).hand_out.slots == {0: [first._p_oid]}
    assert scene.held() == [plain[0], first, urgent, *plain[1:]]


def test_each_child_takes_one(scene: Scene) -> None:
    scene.size(2)
    plain = put(scene, *[0] * 6)
    scene.run(s0=ready(room=3), s1=ready(room=3))
    held = scene.held(0), scene.held(1)
    urgent = put(scene, -1, -1, -1)
    done = scene.run(s0=full(held[0]), s1=full(held[1]))

    assert done.claimed == 2
    assert {scene.held(0)[1], scene.held(1)[1]} == set(urgent[:2])
    assert {len(scene.held(0)), len(scene.held(1))} == {4}
    assert len(plain) == 6


def test_what_there_is_room_for_goes_to_its_place_too(scene: Scene) -> None:
    [running, plain, low] = put(scene, 0, 0, 5)
    scene.run(s0=ready(room=3))
    [more, first, second] = put(scene, 0, -3, -1)
    done = scene.run(s0=ready(room=9, in_hand=[running, plain, low]))

    assert scene.held() == [running, first, second, plain, more, low]
    assert done.hand_out.slots == {0: oids([first, second, more])}
    assert done.hand_out.orders == {0: oids(scene.held())}


def test_nothing_overtakes_what_has_waited_for_long(scene: Scene, fake_clock: FakeClock) -> None:
    old = put(scene, 0, 0)
    fake_clock.advance(hours=3)
    scene.run(s0=ready(room=2))
    [behind, before] = put(scene, -2, -4)
    scene.run(s0=full(old))

    assert scene.held() == [old[0], before, old[1]]
    assert behind.state == PENDING


def test_equals_stay_in_the_order_of_their_claims(scene: Scene) -> None:
    plain = put(scene, 4, 4)
    scene.run(s0=ready(room=2))
    more = put(scene, 4, 5)
    done = scene.run(s0=full(plain, room=5))

    assert scene.held() == [*plain, *more]
    assert (done.hand_out.slots, done.hand_out.orders) == ({0: oids(more)}, {})


def test_a_child_that_may_not_be_overtaken_gets_nothing(scene: Scene) -> None:
    """Its job takes long, or it has nothing but that."""
    plain = put(scene, 0, 0)
    scene.run(s0=ready(room=2))
    [urgent] = put(scene, -9)
    assert scene.run(s0=ready(in_hand=plain)).claimed == 0
    assert scene.run(s0=full(plain[:1])).hand_out.slots == {0: oids(plain[1:])}
    assert urgent.state == PENDING


def test_what_may_begin_once_waits_for_a_child_without_jobs(scene: Scene) -> None:
    plain = put(scene, 0, 0)
    scene.run(s0=ready(room=2))
    [once] = put(scene, -9, retry="never")
    assert scene.run(s0=full(plain)).claimed == 0
    done = scene.run(s0=completed({one._p_oid: Completion(1) for one in plain}, room=2))
    assert done.hand_out.slots == {0: [once._p_oid]}


def test_a_death_is_blamed_on_the_one_that_was_next(scene: Scene) -> None:
    """No job is named, as when a supervisor dies with its children: the order tells."""
    plain = put(scene, 0, 0)
    scene.run(s0=ready(room=2))
    [urgent] = put(scene, -1)
    scene.run(s0=full(plain))
    scene.client.sync()
    scene.client.same(plain[0]).finish(None)  # the child has ended it, and not reported that
    scene.client.commit()
    scene.run(s0=SlotReport(deaths=[(DEATH, False)]))

    assert [one.interruptions for one in (*plain, urgent)] == [0, 0, 1]


def test_what_was_revoked_is_claimed_behind_what_is_urgent(scene: Scene) -> None:
    plain = put(scene, 0, 0, 0)
    scene.run(s0=ready(room=3))
    [urgent] = put(scene, -1)
    report = ready(room=2, in_hand=plain[:1])
    report.returned = oids(plain[1:])
    done = scene.run(s0=report)

    assert done.hand_out.slots == {0: oids([urgent, plain[1]])}
    assert plain[2].state == PENDING


def test_what_is_urgent_in_another_queue_overtakes_too_where_that_is_served(scene: Scene) -> None:
    plain = put(scene, 0, 0, 0)
    scene.run(s0=ready(room=3))
    mail = scene.client.manager.add_queue("mail")
    own = mail.put(samples.nothing, priority=-1)
    scene.client.commit()
    scene.session.sync()
    urgent, report = scene.session.same(own), full(plain)
    scene.worker.queues = "thread"
    scene.session.commit()
    assert scene.run(s0=report).claimed == 0
    scene.worker.queues = None
    scene.session.commit()
    [second] = put(scene, -1)
    assert scene.run(s0=report).claimed == 1, "one for each child, whatever queues there are"
    [found] = {urgent, second} & set(scene.held())
    assert scene.held() == [plain[0], found, *plain[1:]]
