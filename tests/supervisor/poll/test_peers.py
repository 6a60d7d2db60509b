"""Other engines: a pass ends where its engine was buried, and buries those that are dead."""

from __future__ import annotations

from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.supervisor.poll.scene import Scene, oids, ready
from tests.support import scenes
from tests.support.scenes import ELSEWHERE, gone
from tests.support.sessions import ONE, TWO
from zcasync.errors import FencedError
from zcasync.interfaces import PENDING
from zcasync.perform.progress import Progress
from zcasync.supervisor import registration
from zcasync.supervisor.poll.messages import PassInput, Wish
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.wishes import FailedWish


def test_an_engine_that_was_buried_may_not_go_on(scene: Scene) -> None:
    (partial,) = scene.put()
    scene.client.sync()
    registration.take_over(scene.client.manager.workers[ONE], "it was silent", None, None)
    scene.client.commit()

    with pytest.raises(FencedError, match="it was silent"):
        scene.run(s0=ready(room=1))
    scene.session.sync()
    assert partial.state == PENDING


def test_an_engine_may_not_go_on_when_the_record_names_another(scene: Scene) -> None:
    scene.client.sync()
    scene.client.manager.workers[ONE].engineUUID = TWO
    scene.client.commit()

    with pytest.raises(FencedError, match=f"names {TWO}"):
        scene.run()


def test_a_dead_engine_is_buried_and_its_work_claimed_in_one_go(scene: Scene) -> None:
    scene.client.sync()
    dead = scenes.serve(scene.client, TWO, gone())
    partials = scenes.put(scene.client)
    scenes.claim(scene.client, dead, partials)
    done = scene.run(s0=ready(room=1))

    assert done.hand_out.slots == {0: oids(partials)}
    assert "is buried: process" in done.log[0]
    assert f"jobs that worker {TWO} had claimed are taken over: {len(partials)} (" in done.log[-1]
    scene.client.sync()
    assert (dead.engineUUID, dead.incarnation.is_over) == (None, True)
    assert partials[0]._interruptions == 1


@pytest.mark.parametrize("is_ephemeral", [True, False])
def test_a_dead_one_that_is_ephemeral_leaves_no_record(scene: Scene, is_ephemeral: bool) -> None:
    scene.client.sync()
    dead = scenes.serve(scene.client, TWO, gone())
    dead.ephemeral = is_ephemeral
    partials = scenes.put(scene.client)
    scenes.claim(scene.client, dead, partials)
    done = scene.run(s0=ready(room=1))

    assert done.hand_out.slots == {0: oids(partials)}
    scene.client.sync()
    assert (TWO in scene.client.manager.workers) != is_ephemeral
    line = f"worker {TWO} was ephemeral: its record is removed"
    assert (line in done.log) == is_ephemeral


def test_one_that_was_stopped_and_is_ephemeral_leaves_none_either(scene: Scene) -> None:
    """Its supervisor could not remove it: it held what was released later."""
    scene.client.sync()
    stopped = scenes.serve(scene.client, TWO, gone())
    stopped.ephemeral = True
    stopped.incarnation.end("stopped")
    stopped.engineUUID = None
    scene.client.commit()
    scene.run()

    scene.client.sync()
    assert list(scene.client.manager.workers) == [ONE]


def test_one_that_is_ephemeral_and_lives_keeps_its_record(scene: Scene) -> None:
    scene.client.sync()
    scenes.serve(scene.client, TWO).ephemeral = True
    scene.client.commit()
    scene.run()

    scene.client.sync()
    assert TWO in scene.client.manager.workers


def test_a_silent_engine_is_buried_only_after_its_promise(scene: Scene) -> None:
    scene.client.sync()
    far = scenes.serve(scene.client, TWO, ELSEWHERE)
    while scene.seconds.now < 1050:
        scene.run()
        scene.client.sync()
        assert far.engineUUID is not None
        scene.seconds.advance(5)
    scene.run()
    scene.seconds.advance(5)
    scene.run()
    scene.client.sync()

    assert far.engineUUID is None


def test_burials_are_told_whatever_becomes_of_the_pass(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.client.sync()
    scenes.serve(scene.client, TWO, gone())
    scene.client.commit()
    left: list[Exception] = [FailedWish(Wish(b"1" * 8), KeyError("no")), ClientDisconnected()]
    steps = Passes._steps

    def fail(self: Passes, *given: Any) -> Any:
        if left:
            raise left.pop(0)
        return steps(self, *given)

    monkeypatch.setattr(Passes, "_steps", fail)
    with pytest.raises(ClientDisconnected):
        scene.run()
    told = scene.run().log + scene.run().log
    assert len([line for line in told if "is buried: process" in line]) == 1


def test_a_pass_looks_at_its_peers_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(scene.passes._peers, "look", lambda: looks.append("look") or [])
    done = scene.run(PassInput(progress={b"\xff" * 8: Progress(1, 2, "", 0)}))
    assert "is dropped" in "".join(done.log)
    assert looks == ["look"]
