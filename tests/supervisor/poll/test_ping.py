"""Pings: seldom while the engine is idle, twice an interval while it holds claims."""

from __future__ import annotations

import contextlib

import pytest
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.supervisor.poll.scene import Scene, ready
from tests.support.sessions import ONE
from zcasync.supervisor.poll.messages import SlotReport
from zcasync.supervisor.poll.ping import IDLE_PING_SECONDS


def pings(scene: Scene, slot: SlotReport, span: float) -> list[float]:
    """When the ping record is written while passes are made every second."""
    found, began, serial = [], scene.seconds.now, b""
    while scene.seconds.now - began < span:
        scene.run(s0=slot)
        scene.worker.ping._p_activate()
        if scene.worker.ping._p_serial != serial:
            serial = scene.worker.ping._p_serial
            found.append(scene.seconds.now - began)
        scene.seconds.advance(1)
    return found


def test_an_engine_that_holds_claims_pings_twice_an_interval(scene: Scene) -> None:
    partials = scene.put()
    scene.run(s0=ready(room=1))
    scene.seconds.advance(30)

    moments = pings(scene, ready(in_hand=partials), 45)
    assert moments == [0, 10, 20, 30, 40]
    assert scene.worker.ping.promise == 40


def test_an_idle_engine_writes_seldom_and_promises_accordingly(scene: Scene) -> None:
    assert pings(scene, ready(), 40) == [0]
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20


def test_a_first_claim_is_a_ping_because_the_promise_gets_shorter(scene: Scene) -> None:
    scene.run(s0=ready())
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20

    scene.put()
    scene.seconds.advance(1)
    scene.run(s0=ready(room=1))
    assert scene.worker.ping.promise == 40


def test_a_ping_that_somebody_has_undone_is_written_again(scene: Scene) -> None:
    """The record has an earlier promise then, which this engine would not keep."""
    scene.worker.ping.write(12.0)
    scene.session.commit()
    earlier = scene.worker.ping.__getstate__()
    scene.run(s0=ready())
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20
    scene.client.sync()
    undone = scene.client.same(scene.worker.ping)
    undone.__dict__.update(earlier)
    undone._p_changed = True
    scene.client.commit()

    scene.run(s0=ready())
    assert scene.worker.ping.promise == IDLE_PING_SECONDS + 20


@pytest.mark.parametrize("trouble", [ConflictError, ClientDisconnected])
def test_a_ping_that_was_not_committed_is_written_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    """Else a live engine is silent for longer than its record promises, and is buried."""
    commit = scene.session.transactions.commit
    troubles = [trouble]

    def commit_in_trouble() -> None:
        if troubles:
            raise troubles.pop()
        commit()

    scene.seconds.advance(30)
    # Not the commit of the look at the others, which comes before.
    monkeypatch.setattr(scene.passes._peers, "look", list)
    monkeypatch.setattr(scene.session.transactions, "commit", commit_in_trouble)
    with contextlib.suppress(ClientDisconnected):
        scene.run(s0=ready())
    scene.run(s0=ready())
    scene.client.sync()

    assert scene.client.manager.workers[ONE].ping.promise == IDLE_PING_SECONDS + 20
