"""Serving: jobs of the queues that a worker serves, each in its turn, no more than it may."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.jobs import samples
from tests.supervisor.poll.scene import Scene, ready
from tests.support.damage import overwrite
from zcasync import Partial
from zcasync.supervisor.poll.messages import PassInput, SlotReport


def queues(scene: Scene, *names: str, count: int = 10) -> None:
    """Put so many jobs in each of these queues, made where they are not there."""
    for name in names:
        scene.client.manager.add_queue(name).put_many([samples.nothing] * count)
    scene.client.commit()


def serve(scene: Scene, text: str | None) -> None:
    scene.session.sync()
    scene.worker.queues = text
    scene.session.commit()


def claimed(scene: Scene, slot: int = 0) -> Counter[str]:
    return Counter(partial.queue.__name__ for partial in scene.held(slot))


def test_a_worker_that_was_told_nothing_serves_every_queue(scene: Scene) -> None:
    queues(scene, "mail", "thread", "slow")
    scene.run(s0=ready(room=6))
    assert claimed(scene) == {"mail": 2, "thread": 2, "slow": 2}


def test_what_others_leave_of_the_room_a_queue_may_have(scene: Scene) -> None:
    queues(scene, "mail", count=1)
    queues(scene, "thread", "slow")
    scene.run(s0=ready(room=9))
    found = claimed(scene)
    assert found["mail"] == 1
    assert found.total() == 9


def test_with_room_for_one_each_queue_has_its_turn(scene: Scene) -> None:
    queues(scene, "mail", "thread", "slow")
    found: Counter[str] = Counter()
    for _ in range(3):
        scene.run(s0=ready(room=1))
        found = claimed(scene)
    assert found == {"mail": 1, "thread": 1, "slow": 1}


def test_a_queue_that_the_worker_does_not_serve_is_left(scene: Scene) -> None:
    queues(scene, "mail", "thread")
    serve(scene, "mail")
    scene.run(s0=ready(room=6))
    assert claimed(scene) == {"mail": 6}


def test_a_limit_counts_what_is_claimed_and_not_over(scene: Scene) -> None:
    queues(scene, "mail", "thread")
    serve(scene, "mail:2,thread")
    scene.size(2)
    for _ in range(2):
        scene.run(s0=ready(room=4), s1=ready(room=4))
    both = claimed(scene, 0) + claimed(scene, 1)
    assert both["mail"] == 2
    assert both["thread"] == 10


def test_a_limit_counts_what_can_be_read(scene: Scene) -> None:
    queues(scene, "mail")
    serve(scene, "mail:2")
    scene.run(s0=ready(room=4))
    first = scene.held()[0]
    overwrite(scene.session.connection.db().storage, first._p_oid, lambda data: data[:9])
    scene.session.connection.cacheMinimize()
    scene.run(s0=ready(room=4, in_hand=scene.held()))
    assert len(scene.held()) == 3


def test_a_paused_queue_begins_nothing_and_makes_no_pass_due(scene: Scene) -> None:
    queues(scene, "mail")
    scene.client.manager.queue("mail").pause()
    scene.client.commit()
    done = scene.run(s0=ready(room=6))
    assert claimed(scene) == {}
    assert done.schedule.delay == scene.worker.poll_seconds
    scene.client.sync()
    scene.client.manager.queue("mail").resume()
    scene.client.commit()
    scene.run(s0=ready(room=6))
    assert claimed(scene) == {"mail": 6}


def test_the_reactor_queue_is_served_or_not_like_others(scene: Scene) -> None:
    scene.client.manager.reactor.put(Partial(abs, -1))
    scene.client.commit()
    serve(scene, "thread")
    assert scene.run(PassInput(reactor=SlotReport(ready=True))).hand_out.reactor == []
    serve(scene, "thread,reactor")
    assert len(scene.run(PassInput(reactor=SlotReport(ready=True))).hand_out.reactor) == 1


def test_the_next_job_of_any_queue_that_is_served_sets_the_time(scene: Scene) -> None:
    queues(scene, "mail", count=0)
    scene.client.manager.queue("mail").put(samples.nothing, delay=timedelta(seconds=2))
    scene.client.commit()
    assert scene.run(s0=ready(room=1)).schedule.delay <= 2
    serve(scene, "thread")
    assert scene.run(s0=ready(room=1)).schedule.delay == scene.worker.poll_seconds


def test_a_queue_that_is_made_is_heard_of(scene: Scene) -> None:
    watched = scene.run(s0=ready()).schedule.watched
    assert scene.session.manager._p_oid in watched
    queues(scene, "mail", count=0)
    watched = scene.run(s0=ready()).schedule.watched
    assert scene.session.manager.own_queues._p_oid in watched
    assert scene.session.manager.queue("mail")._p_oid in watched
