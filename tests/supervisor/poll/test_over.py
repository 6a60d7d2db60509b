"""Which of the jobs that a child is at are over by their records, in a pass."""

from __future__ import annotations

from dataclasses import replace

from tests.supervisor.poll.scene import Scene, ready
from tests.support import scenes
from zcasync import Partial


def over(scene: Scene, partial: Partial) -> bool:
    """Whether a pass finds it to be over while the child is at it for a while."""
    report = replace(ready(in_hand=[partial]), running=partial._p_oid)
    found = scene.run(s0=report).over
    assert found in ({}, {0: partial._p_oid})
    return bool(found)


def claimed(scene: Scene) -> Partial:
    (partial,) = scene.put(1)
    scene.run(s0=ready(room=1))
    assert scene.held() == [partial]
    return partial


def test_a_job_that_runs_is_not_over(scene: Scene) -> None:
    assert not over(scene, claimed(scene))


def test_a_job_that_is_completed_is_over_and_not_begun_again(scene: Scene) -> None:
    partial = claimed(scene)
    scenes.end(partial, 1)
    scene.session.commit()
    assert over(scene, partial)
    assert scene.held() == [partial], "its child has it still"
    done = scene.run(s0=ready(room=1))
    assert list(scene.worker.completed) == [partial]
    assert not done.hand_out.slots


def test_a_job_whose_callbacks_are_not_done_is_not_over(scene: Scene) -> None:
    partial = claimed(scene)
    partial.addCallback(Partial(abs))
    partial.finish(-1)
    scene.session.commit()
    assert not over(scene, partial)


def test_a_job_that_waits_for_another_one_or_for_its_next_attempt_is_over(scene: Scene) -> None:
    partial = claimed(scene)
    scene.reschedule(partial, 60)
    scene.session.sync()
    assert over(scene, partial)

    waiting, awaited = claimed_two(scene)
    waiting.wait_for(awaited)
    scene.session.commit()
    assert over(scene, waiting)


def claimed_two(scene: Scene) -> tuple[Partial, Partial]:
    scene.worker.thread._lists[0].items = ()
    scene.session.commit()
    first, second = scene.put(2)
    scene.run(s0=ready(room=2))
    return first, second


def test_a_job_that_is_claimed_no_more_is_over(scene: Scene) -> None:
    partial = claimed(scene)
    scene.worker.thread._lists[0].items = ()
    scene.session.commit()
    assert over(scene, partial)


def test_a_job_that_has_only_begun_is_not_looked_at(scene: Scene) -> None:
    partial = claimed(scene)
    scenes.end(partial, 1)
    scene.session.commit()
    assert scene.run(s0=ready(in_hand=[partial])).over == {}
