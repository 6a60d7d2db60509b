"""Retiring: completed jobs leave the claims for the completed ones, some at a time, and soon."""

from __future__ import annotations

from typing import Any

import pytest

from tests.supervisor.poll.scene import Scene, completed, oids, ready
from tests.support import scenes
from tests.support.scenes import Seconds
from zcasync import Partial
from zcasync.interfaces import ACTIVE
from zcasync.job.outcome import Outcome
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.supervisor.poll.retire import RETIRE_COUNT, RETIRE_SECONDS, Retiring


@pytest.fixture
def retiring(seconds: Seconds) -> Retiring:
    nobody: Any = None  # the claims are looked at in the tests of the passes
    return Retiring(nobody, seconds)


def committed(retiring: Retiring, count: int) -> bool:
    """Whether a pass that is committed retires."""
    is_time = retiring.is_time(count, at_once=False)
    retiring.committed()
    return is_time


def test_a_few_completed_jobs_wait_for_more(retiring: Retiring, seconds: Seconds) -> None:
    assert not committed(retiring, 1)
    assert not committed(retiring, RETIRE_COUNT - 1)
    assert committed(retiring, RETIRE_COUNT)


def test_completed_jobs_do_not_wait_long(retiring: Retiring, seconds: Seconds) -> None:
    assert not committed(retiring, 1)
    seconds.advance(RETIRE_SECONDS / 2)
    assert not committed(retiring, 2)
    assert retiring.delay == pytest.approx(RETIRE_SECONDS / 2)
    seconds.advance(RETIRE_SECONDS / 2)
    assert committed(retiring, 2)
    assert not committed(retiring, 1), "the next ones wait anew"


def test_a_retirement_that_leaves_nothing_makes_no_pass_due(retiring: Retiring) -> None:
    assert not committed(retiring, 1)
    assert retiring.delay == pytest.approx(RETIRE_SECONDS)
    assert retiring.is_time(1, at_once=True)
    assert retiring.delay == float("inf")


def test_a_retirement_that_is_not_committed_is_made_again(
    retiring: Retiring, seconds: Seconds
) -> None:
    assert not committed(retiring, 1)
    seconds.advance(RETIRE_SECONDS)
    assert retiring.is_time(1, at_once=False)
    assert retiring.is_time(1, at_once=False)
    retiring.committed()
    assert not retiring.is_time(1, at_once=False)


def test_a_finished_job_is_retired_into_the_completed(scene: Scene) -> None:
    over, at_work = scene.put(2)
    scene.run(s0=ready(room=2))
    scenes.end(over, 1)
    scene.session.commit()
    scene.run(s0=ready(in_hand=[at_work]))

    assert scene.held() == [at_work]
    assert list(scene.worker.completed) == [over]


def test_a_job_that_a_child_has_completed_waits_a_moment_for_more(scene: Scene) -> None:
    over, waits = scene.put(2)
    scene.run(s0=ready(room=1))
    ended = Completion(over.due + 5)
    scenes.end(over, 1)
    scene.session.commit()
    done = scene.run(s0=completed({over._p_oid: ended}))

    assert scene.held() == [over]
    assert len(scene.worker.completed) == 0
    assert not done.hand_out.slots, "nobody begins it again"
    assert done.held is not None
    assert done.held.jobs == [], "it is over"
    assert done.unretired == {0: {over._p_oid: ended}}
    assert done.schedule.delay <= RETIRE_SECONDS

    done = scene.run(s0=completed(done.unretired[0], room=1))
    assert scene.held() == [over, waits], "a claim can do without"
    assert done.hand_out.slots == {0: [waits._p_oid]}

    scene.seconds.advance(RETIRE_SECONDS)
    done = scene.run(s0=completed(done.unretired[0], in_hand=[waits]))
    assert scene.held() == [waits]
    assert list(scene.worker.completed) == [over]
    assert not done.unretired


def test_what_has_failed_and_what_was_cancelled_is_counted_where_it_retires(scene: Scene) -> None:
    partials = scene.put(4)
    scene.run(s0=ready(room=4))
    for over in partials:
        scenes.end(over, 1)
    scene.session.commit()
    outcomes = (Outcome.FAILED, Outcome.SUCCEEDED, Outcome.CANCELLED, Outcome.FAILED)
    reported = {
        over._p_oid: Completion(number, outcome)
        for number, (over, outcome) in enumerate(zip(partials, outcomes, strict=True))
    }
    done = scene.run(s0=completed(reported))
    assert done.unretired == {0: reported}
    scene.run(PassInput(is_last=True), s0=completed(done.unretired[0]))
    found = scene.worker.completed
    assert (len(found), found.failed, found.cancelled) == (4, 2, 1)


def test_a_job_that_begins_once_does_not_wait_for_finished_ones(scene: Scene) -> None:
    (over,) = scene.put()
    scene.run(s0=ready(room=1))
    scene.client.sync()
    scene.client.manager.thread.put(Partial(abs, 1), retry="never")
    scene.client.commit()
    scene.session.sync()
    done = scene.run(s0=completed({over._p_oid: Completion(1)}, room=1))

    assert len(done.hand_out.slots[0]) == 1


def test_the_last_pass_leaves_nothing_to_be_retired(scene: Scene) -> None:
    (over,) = scene.put()
    scene.run(s0=ready(room=1))
    scenes.end(over, 1)
    scene.session.commit()
    scene.run(PassInput(is_last=True), s0=completed({over._p_oid: Completion(1)}))

    assert scene.held() == []
    assert list(scene.worker.completed) == [over]


def test_a_finished_job_stays_in_a_slot_beyond_the_size_until_it_is_retired(
    scene: Scene,
) -> None:
    (over,) = scene.put()
    scene.size(2)
    scene.run(s0=ready(), s1=ready(room=1))
    scenes.end(over, 1)
    scene.session.commit()
    scene.size(1)
    done = scene.run(s0=ready(), s1=SlotReport(completed={over._p_oid: Completion(1)}))

    assert not done.hand_out.slots
    scene.seconds.advance(RETIRE_SECONDS)
    scene.run(s0=ready(), s1=SlotReport(completed=done.unretired[1]))
    assert list(scene.worker.completed) == [over]


def test_a_job_that_is_still_assigned_to_a_child_is_not_retired(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    scenes.end(partial, 1)
    scene.session.commit()
    scene.run(s0=ready(in_hand=[partial]))

    assert scene.held() == [partial]
    assert len(scene.worker.completed) == 0


def test_a_job_that_waits_for_another_partial_frees_its_place(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial.wait_for(scene.session.keep(Partial(abs, 1)))
    scene.session.commit()
    scene.run(s0=ready())

    assert (scene.held(), partial.state, len(scene.worker.completed)) == ([], ACTIVE, 0)


def test_a_job_that_cannot_be_loaded_any_more_keeps_no_other_from_being_retired(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = scene.client.queue.put(scenes.fickle())
    scene.client.commit()
    (other,) = scene.put()
    scene.run(s0=ready(room=2))
    scenes.end(other, 1)
    scene.session.commit()
    monkeypatch.setattr(scenes.Fickle, "refuses", True)
    scene.session.connection.cacheMinimize()
    done = scene.run(PassInput(cancelled={strange._p_oid: "somebody"}), s0=ready())

    assert (scene.held(), done.hand_out.slots, list(scene.worker.completed)) == ([], {}, [other])
    assert "is set aside" in "".join(done.log)
    assert [one._p_oid for one in scene.worker.thread.unreadable] == [strange._p_oid]
    assert done.cancelled == [strange._p_oid], "nobody goes on trying"


def test_a_finished_job_with_callbacks_to_run_is_kept(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.run(s0=ready(room=1))
    partial.addCallback(Partial(abs))
    scenes.end(partial, 1)
    scene.session.commit()
    done = scene.run(s0=ready())

    assert scene.held() == [partial]
    assert done.hand_out.slots == {0: oids([partial])}


def test_a_completed_job_retires_although_its_result_cannot_be_loaded_here(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its child, and who asks for the result, need what that is made of."""
    over, at_work = scene.put(2)
    scene.run(s0=ready(room=2))
    scenes.end(over, scenes.Fickle())
    scene.session.commit()
    monkeypatch.setattr(scenes.Fickle, "refuses", True)
    for in_hand in ([at_work], []):
        scene.session.connection.cacheMinimize()
        done = scene.run(s0=completed({over._p_oid: Completion(1)}, in_hand=in_hand))
        scene.seconds.advance(RETIRE_SECONDS)
    assert done.retired == 1
    assert over not in scene.held()
