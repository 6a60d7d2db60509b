"""Dispatch of jobs that begin once: no slot that has a job gets one of them behind it."""

from __future__ import annotations

import pytest

from tests.supervisor.poll.scene import Scene, ready
from tests.support.scenes import Seconds
from tests.support.sessions import Connect
from zcasync import Partial
from zcasync.interfaces import PENDING
from zcasync.supervisor.poll.messages import PassInput, SlotReport


@pytest.fixture
def scene(connect: Connect, seconds: Seconds) -> Scene:
    made = Scene(connect(), connect(), seconds)
    made.size(2)
    return made


def put(scene: Scene, policies: str, queue: str = "thread") -> list[Partial]:
    """Put a call for each letter: n for one under ``never``; as the engine sees them."""
    scene.client.sync()
    where = scene.client.manager.queue(queue)
    put = [where.put(Partial(abs, -1), retry="never" if one == "n" else None) for one in policies]
    scene.client.commit()
    scene.session.sync()
    return [scene.session.connection.get(one._p_oid) for one in put]


def test_a_job_under_never_is_the_first_of_a_free_slot_and_others_come_behind_it(
    scene: Scene,
) -> None:
    never, one, two = put(scene, "n..")
    scene.run(s0=ready(room=5), s1=ready())

    assert scene.held(0) == [never, one, two]


def test_a_job_under_never_is_claimed_for_each_free_slot(scene: Scene) -> None:
    first, second, third = put(scene, "nnn")
    done = scene.run(s0=ready(room=5), s1=ready(room=5))

    assert (scene.held(0), scene.held(1)) == ([first], [second])
    assert third.state == PENDING
    assert len(scene.session.queue) == 1
    assert done.schedule.delay == scene.worker.poll_seconds, "nobody asks again and again"


def test_a_job_under_never_waits_with_all_behind_it_until_a_slot_is_free(
    scene: Scene,
) -> None:
    (busy,) = put(scene, ".")
    scene.run(s0=ready(room=1))
    _more, never, behind = put(scene, ".n.")
    scene.run(s0=ready(room=5, in_hand=[busy]))
    assert (never.state, behind.state) == (PENDING, PENDING)

    (hasty,) = put(scene, ".")
    scene.run(s0=ready(room=5, in_hand=scene.held(0)))
    assert hasty.state == PENDING, "what is put later does not keep the slot from getting empty"

    scene.run(s0=ready(in_hand=scene.held(0)), s1=ready(room=5))
    assert scene.held(1) == [never, behind, hasty]


def test_a_slot_whose_job_waits_for_its_deferred_is_free(scene: Scene) -> None:
    (waiting,) = put(scene, ".")
    scene.run(s0=ready(room=1))
    (never,) = put(scene, "n")
    oids = frozenset([waiting._p_oid])
    scene.run(s0=SlotReport(ready=True, room=5, outstanding=oids, deferred=oids))

    assert scene.held(0) == [waiting, never]


def test_reactor_jobs_under_never_are_all_begun_at_once(scene: Scene) -> None:
    partials = put(scene, "nn", "reactor")
    done = scene.run(PassInput(reactor=SlotReport(ready=True)))

    assert done.hand_out.reactor == [partial._p_oid for partial in partials]


def test_a_policy_that_cannot_be_found_does_not_stop_the_dispatch(scene: Scene) -> None:
    partials = put(scene, "..")
    for partial in partials:
        partial._retry = "a policy that is registered elsewhere"
    scene.session.commit()
    scene.run(s0=ready(room=5))
    assert scene.held(0) == partials[:1]
    scene.run(s0=ready(room=5, in_hand=partials[:1]), s1=ready(room=5))
    assert scene.held(1) == partials[1:]
