"""When the next pass is due, and which writes bring it forward."""

from __future__ import annotations

from tests.supervisor.poll.scene import Scene, ready
from zcasync import Partial


def test_the_next_pass_comes_when_the_next_partial_is_due(scene: Scene, fake_clock: object) -> None:
    assert scene.run(s0=ready(room=1)).schedule.delay == 5
    begin_after = fake_clock.later(seconds=2)
    scene.client.queue.put(Partial(abs, 1), begin_after=begin_after)
    scene.client.commit()

    assert scene.run(s0=ready(room=1)).schedule.delay == 2
    assert scene.run(s0=ready(room=0)).schedule.delay == 5, "there is nobody to run it"


def test_a_put_and_a_change_of_size_write_what_is_watched(scene: Scene) -> None:
    scene.put()
    done, worker = scene.run(s0=ready(room=1)), scene.worker
    watched = done.schedule.watched

    assert {worker._p_oid, worker.thread._size._p_oid, worker.reactor._size._p_oid} <= watched
    pages = {lane.inbox.last._p_oid for lane in scene.session.queue.lanes().values()}
    assert pages <= watched
    assert done.schedule.for_reactor == scene.session.manager.reactor.watched()
    assert not pages & done.schedule.for_reactor
