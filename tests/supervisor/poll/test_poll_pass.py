"""Poll passes as a whole: one commit, tried again where it conflicts, and few loads."""

from __future__ import annotations

import pytest

from tests.supervisor.poll.scene import Scene, oids, ready
from tests.support import scenes
from tests.support.sessions import ONE, Connect
from zcasync.interfaces import COMPLETED


def test_a_conflict_is_tried_again_and_nothing_is_done_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = scene.put()
    writes = iter([True, True, False])
    housekeeping = scene.passes._housekeeping.do

    def do_and_meet(*args: object) -> None:
        housekeeping(*args)
        if next(writes, False):  # somebody is quicker at a record that the pass writes
            scene.client.sync()
            scene.client.manager.workers[ONE].completed._buckets = ()
            scene.client.manager.workers[ONE].thread._p_changed = True
            scene.client.commit()

    monkeypatch.setattr(scene.passes._housekeeping, "do", do_and_meet)
    done = scene.run(s0=ready(room=1))

    assert done.conflicts >= 1
    assert done.hand_out.slots == {0: oids([partial])}
    assert scene.held() == [partial]
    assert partial.state != COMPLETED


def test_a_pass_loads_no_record_again_that_the_one_before_has_read(
    scene: Scene, connect: Connect
) -> None:
    """With a lane for each client there is more of that than a connection keeps by itself."""
    for _ in range(30):
        scenes.put(connect(), 1)
    scene.session.connection._cache.cache_size = 20
    scene.renew_passes()
    scene.run(s0=ready(room=100))
    scene.run(s0=ready(room=100))
    loaded: list[bytes] = []
    view = scene.session.connection._storage
    load = view.load

    def noting(oid: bytes) -> object:
        loaded.append(oid)
        return load(oid)

    view.load = noting
    scene.run(s0=ready(room=100))
    del view.load
    assert loaded == []
