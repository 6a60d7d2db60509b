"""Unique keys: free again behind the end of their calls, and kept by what waits once more."""

from __future__ import annotations

from tests.jobs import samples
from tests.supervisor.poll.scene import Scene, oids, ready
from tests.support import scenes
from tests.support.damage import overwrite
from tests.support.sessions import FakeClock
from zcasync import Partial
from zcasync.interfaces import PENDING
from zcasync.queues.unique import STATES


def keys(scene: Scene) -> list[Partial]:
    """Who has keys, as the client sees it."""
    scene.client.sync()
    table = scene.client.queue.keys
    return [one for tree in table.values() for one in tree.values()]


def put(scene: Scene, key: str, **options: object) -> Partial:
    scene.client.sync()
    partial = scene.client.queue.put(samples.nothing, unique=key, **options)  # type: ignore[arg-type]
    scene.client.commit()
    scene.session.sync()
    return scene.session.connection.get(partial._p_oid)  # type: ignore[no-any-return]


def end(scene: Scene, partial: Partial) -> None:
    scenes.end(partial, 1)
    scene.session.commit()
    scene.run(s0=ready())


def test_a_key_is_free_in_the_pass_that_retires_its_call(scene: Scene) -> None:
    first, other = put(scene, "first"), put(scene, "other")
    scene.run(s0=ready(room=1))
    assert len(keys(scene)) == 2
    end(scene, first)
    assert [one._p_oid for one in keys(scene)] == oids([other])


def test_what_waits_again_keeps_its_key(scene: Scene) -> None:
    partial = put(scene, "key")
    scene.run(s0=ready(room=1))
    slot = ready()
    slot.returned = oids([partial])
    scene.run(s0=slot)
    scene.session.sync()
    assert partial.state == PENDING
    assert [one._p_oid for one in keys(scene)] == oids([partial])


def test_the_key_of_a_later_call_is_not_taken_away(scene: Scene) -> None:
    first = put(scene, "key", unique_states="pending")
    scene.run(s0=ready(room=1))
    second = put(scene, "key", unique_states="pending")
    assert second._p_oid != first._p_oid
    end(scene, first)
    assert [one._p_oid for one in keys(scene)] == oids([second])


def test_what_counts_when_it_is_completed_keeps_its_key_for_that_time(
    scene: Scene, fake_clock: FakeClock
) -> None:
    partial = put(scene, "key", unique_states=STATES, unique_for=60)
    scene.run(s0=ready(room=1))
    end(scene, partial)
    assert [one._p_oid for one in keys(scene)] == oids([partial])


def test_a_record_that_is_damaged_stops_no_pass(scene: Scene) -> None:
    damaged, other = put(scene, "damaged"), put(scene, "other")
    scene.run(s0=ready(room=2))
    overwrite(scene.session.connection.db().storage, damaged._p_oid, lambda data: data[:9])
    scene.session.connection.cacheMinimize()
    scene.session.sync()
    end(scene, other)
    scene.worker.thread.lists(1)[0].items = ()
    scene.session.commit()
    scene.run(s0=ready())
    assert [one._p_oid for one in keys(scene)] == oids([damaged])


def test_an_engine_that_knows_nothing_of_a_call_leaves_its_key_to_the_sweep(scene: Scene) -> None:
    partial = put(scene, "key")
    scene.run(s0=ready(room=1))
    scene.renew_passes()
    end(scene, partial)
    assert len(keys(scene)) == 1
    assert put(scene, "key")._p_oid != partial._p_oid
