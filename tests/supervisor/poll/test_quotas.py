"""What a pass does about quotas: which children get jobs with them, and what wakes it for more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.supervisor.poll.scene import Scene, completed, ready
from tests.support.scenes import end
from tests.support.sessions import FakeClock
from zcasync import Partial
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import PassInput


def limited(scene: Scene, limit: int | None, **more: Any) -> None:
    scene.client.sync()
    scene.client.manager.quotas.set("solr", limit=limit, **more)
    scene.client.commit()


def put(scene: Scene, count: int, **options: Any) -> list[Partial]:
    """The client puts calls; the partials as the engine sees them."""
    scene.client.sync()
    partials = [scene.client.queue.put(Partial(abs, -1), **options) for _ in range(count)]
    scene.client.commit()
    scene.session.sync()
    return [scene.session.same(partial) for partial in partials]


def states(partials: list[Partial]) -> list[str]:
    return [partial.state for partial in partials]


def test_a_pass_claims_up_to_the_limit_over_both_queues(scene: Scene) -> None:
    limited(scene, 2)
    thread = put(scene, 2, quota="solr")
    scene.client.sync()
    reactor = scene.client.manager.reactor.put(Partial(abs, -1), quota="solr")
    scene.client.commit()
    scene.size(2)

    scene.run(PassInput(reactor=ready(room=4)), s0=ready(room=1), s1=ready(room=1))

    assert states(thread) == [ACTIVE, ACTIVE]
    assert scene.session.same(reactor).state == PENDING


def test_jobs_with_scarce_quotas_go_to_children_without_jobs_and_others_are_prefetched(
    scene: Scene,
) -> None:
    limited(scene, 1)
    solr = put(scene, 2, quota="solr")
    others = put(scene, 3)

    scene.run(s0=ready(room=3))

    assert states(solr) == [ACTIVE, PENDING]
    assert states(others) == [ACTIVE, ACTIVE, PENDING]


def test_a_child_runs_dry_for_a_job_with_a_quota_that_comes_next(
    scene: Scene, fake_clock: FakeClock
) -> None:
    limited(scene, 1)
    scene.size(2)
    first, second = put(scene, 2)
    scene.run(s0=ready(room=1), s1=ready(room=1))
    assert scene.held(0) + scene.held(1) == [first, second]
    fake_clock.advance(seconds=1)
    [solr] = put(scene, 1, quota="solr")
    fake_clock.advance(seconds=1)
    others = put(scene, 4)
    busy = lambda: (ready(2, scene.held(0)), ready(2, scene.held(1)))  # noqa: E731

    one, two = busy()
    scene.run(s0=one, s1=two)
    assert solr.state == PENDING, "it would wait behind another job"
    before = states(others).count(ACTIVE)
    one, two = busy()
    scene.run(s0=one, s1=two)
    assert states(others).count(ACTIVE) <= before + 2
    dry = min((0, 1), key=lambda slot: len(scene.held(slot)))
    for partial in scene.held(dry):
        end(partial)
    scene.session.commit()
    slots = {
        f"s{dry}": completed({one._p_oid: Completion(1, 0) for one in scene.held(dry)}, 2, []),
        f"s{1 - dry}": ready(2, scene.held(1 - dry)),
    }
    scene.run(**slots)

    assert solr.state == ACTIVE
    assert solr in scene.held(dry)


def test_a_pass_with_jobs_that_wait_for_a_quota_makes_the_next_one_no_sooner(
    scene: Scene,
) -> None:
    limited(scene, 1)
    put(scene, 5, quota="solr")
    scene.run(s0=ready(room=1))

    scene.size(2)
    done = scene.run(s0=ready(room=0, in_hand=scene.held()), s1=ready(room=1))

    assert done.schedule.delay == 5


def test_the_end_of_a_job_of_another_engine_is_watched(scene: Scene) -> None:
    limited(scene, 1)
    partials = put(scene, 3, quota="solr")
    other = scene.client
    other.sync()
    [held] = other.queue.claim(b"\0" * 16, 1).partials
    other.activate_claimed(held)
    other.commit()

    done = scene.run(s0=ready(room=1))

    quota = scene.session.manager.quotas["solr"]
    assert {held._p_oid, quota._p_oid, quota.use._p_oid} <= done.schedule.watched
    assert done.schedule.delay == 5
    assert states(partials)[1:] == [PENDING, PENDING]


def test_own_jobs_are_not_watched_and_nothing_is_where_there_is_no_room(scene: Scene) -> None:
    limited(scene, 1)
    first, _ = put(scene, 2, quota="solr")
    scene.size(2)

    done = scene.run(s0=ready(room=1), s1=ready(room=1))
    full = scene.run(s0=ready(room=0, in_hand=scene.held()))

    quota = scene.session.manager.quotas["solr"]
    assert first._p_oid not in done.schedule.watched
    assert quota._p_oid in done.schedule.watched
    assert quota._p_oid not in full.schedule.watched


def test_the_next_pass_comes_when_the_rate_allows_another_job(
    scene: Scene, fake_clock: FakeClock
) -> None:
    limited(scene, None, rate=(2, timedelta(seconds=3)))
    partials = put(scene, 5, quota="solr")

    scene.size(3)
    done = scene.run(s0=ready(room=1), s1=ready(room=1), s2=ready(room=1))

    assert states(partials) == [ACTIVE, ACTIVE, PENDING, PENDING, PENDING]
    assert done.schedule.delay == 3
    fake_clock.advance(seconds=3)
    held = [scene.held(slot) for slot in (0, 1)]
    scene.run(s0=ready(0, held[0]), s1=ready(0, held[1]), s2=ready(room=1))
    assert states(partials) == [*[ACTIVE] * 3, PENDING, PENDING]
