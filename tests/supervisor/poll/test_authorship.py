"""An engine that runs twice, on a machine and its clone, with one incarnation."""

from __future__ import annotations

import copy
import dataclasses
import uuid

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.supervisor.poll.scene import Scene, oids, ready
from tests.support import scenes
from tests.support.sessions import ONE, Connect, Session
from zcasync.errors import FencedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import Verdict, judge_watched
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll.authorship import REASON, TwinError
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords


class Twin:
    """What a clone of the machine goes on with: the engine of a scene, in another session."""

    def __init__(self, scene: Scene, session: Session) -> None:
        session.sync()
        self.session = session
        worker = session.same(scene.worker)
        scenes.fenced(session, worker)
        records = EngineRecords(session.connection, session.manager, worker, worker.incarnation)
        environment = Environment(seconds=scene.seconds, sleep=scene.seconds.sleep)
        self.passes = Passes(records, Watch(scene.seconds), environment)
        self.passes._authorship = copy.deepcopy(scene.passes._authorship)

    def run(self, room: int = 0) -> None:
        self.passes.run(PassInput(slots={0: ready(room=room)}))


@pytest.fixture
def twin(scene: Scene, connect: Connect) -> Twin:
    """Cloned when the engine has made two passes."""
    scene.run(s0=ready())
    scene.put()
    scene.run(s0=ready(room=1))
    return Twin(scene, connect())


def test_the_second_of_two_finds_out_before_it_commits(scene: Scene, twin: Twin) -> None:
    held = scene.held()
    scene.put(2)
    scene.run(s0=ready(room=1, in_hand=held))
    with pytest.raises(TwinError, match=r"a copy of its machine runs; give the copy"):
        twin.run(room=2)
    with pytest.raises(FencedError, match=REASON):
        scene.run(s0=ready(room=1, in_hand=held))
    scene.client.sync()
    assert len(scene.client.queue) == 1
    assert scene.client.same(scene.worker).incarnation.end_reason == REASON


def test_the_second_of_two_finds_out_when_the_first_is_quicker_with_its_commit(
    scene: Scene, twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = scene.held()
    scene.put(2)
    commit = twin.session.transactions.commit

    def later() -> None:
        monkeypatch.undo()
        scene.run(s0=ready(room=1, in_hand=held))
        commit()

    monkeypatch.setattr(twin.session.transactions, "commit", later)
    with pytest.raises(TwinError):
        twin.run(room=2)


def test_two_that_are_idle_find_out_by_their_pings(scene: Scene, twin: Twin) -> None:
    scene.seconds.advance(600)
    scene.run(s0=ready(in_hand=scene.held()))
    with pytest.raises(TwinError):
        twin.run()


def test_what_a_commit_in_doubt_has_written_is_no_twins(scene: Scene) -> None:
    scene.run(s0=ready())
    for _ in range(3):
        scene.seconds.advance(600)
        scene.put()
        scenes.InDoubt(scene.session)
        with pytest.raises(ClientDisconnected):
            scene.run(s0=ready(room=9))
        scenes.Away(scene.session)
        with pytest.raises(ClientDisconnected):
            scene.run(s0=ready(room=9))
    scene.put()
    scene.run(s0=ready(room=9, in_hand=scene.held()))
    assert len(scene.held()) == 4


def test_what_an_undo_brings_back_is_no_twins(scene: Scene) -> None:
    marks = [scene.worker.ping.monotonic]
    scene.run(s0=ready())
    scene.client.sync()
    scene.client.same(scene.worker.ping).monotonic = marks.pop()  # of the registration
    scene.client.commit()
    for _ in range(3):
        scene.put()
        scene.run(s0=ready(room=1, in_hand=scene.held()))
        marks.append(scene.worker.thread.lists()[0].mark)
    assert len(set(marks)) == 3
    scene.client.sync()
    scene.client.same(scene.worker.thread.lists()[0]).mark = marks[0]
    scene.client.commit()
    scene.run(s0=ready(in_hand=scene.held()))


def test_who_takes_a_job_out_of_a_claim_list_is_no_twin(scene: Scene) -> None:
    """As another engine does that ends a job which waits for another one."""
    scene.run(s0=ready())
    scene.put(2)
    scene.run(s0=ready(room=2))
    first, _ = scene.held()
    scene.client.sync()
    claims = scene.client.same(scene.worker.thread.lists()[0])
    claims.keep(one for one in claims.items if one._p_oid == first._p_oid)
    scene.client.commit()
    scene.run(s0=ready(in_hand=[first]))
    assert oids(scene.held()) == [first._p_oid]


def test_the_engine_of_a_twins_process_cannot_be_seen(session: Session) -> None:
    """Its identity is that of this process, which lives: but that proves nothing about the twin."""
    worker = scenes.serve(session)
    watch = Watch()
    assert judge_watched(worker, watch).verdict == Verdict.RUNNING
    watch.begun.add(uuid.uuid4())
    assert judge_watched(worker, watch).verdict == Verdict.SILENT
    watch.begun.add(worker.engineUUID)
    assert judge_watched(worker, watch).verdict == Verdict.RUNNING
    there = dataclasses.replace(ProcessIdentity.here(), pid=1)
    other = scenes.serve(session, uuid.uuid4(), there)
    assert judge_watched(other, watch).verdict == Verdict.GHOST
    assert worker.UUID == ONE
