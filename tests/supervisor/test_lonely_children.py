"""When a child counts as lonely: it has no database, and this process has it meanwhile."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.support.fake_children import A, B, FakeChild
from zcasync.protocol.outcomes import Ending
from zcasync.protocol.waits import Wait
from zcasync.supervisor.lonely_children import LONELY_SECONDS, RETURN_SECONDS, LonelyChildren

AWAY = Wait("ClientDisconnected: away", 1, 1)
FULL = Wait("OSError: [Errno 28] No space left on device", 1, 1, is_full=True)


class Scene:
    """A child, and passes that are made as soon as they are asked for."""

    def __init__(self, reactor: Clock) -> None:
        self.reactor = reactor
        self.child = FakeChild(reactor)
        self.takes, self.fails = 0.0, False
        self.is_passing = self.is_wanted = False
        self.asked = 0
        self.lonely = LonelyChildren(reactor, lambda: [self.child], self.ask)  # type: ignore[list-item]

    def ask(self) -> None:
        """As the engine does, one at a time."""
        self.asked += 1
        if self.is_passing:
            self.is_wanted = True
            return
        self.is_passing, self.is_wanted = True, False
        self.lonely.pass_begins(asks=True)
        self.reactor.callLater(self.takes, self._end_pass)

    def _end_pass(self) -> None:
        self.is_passing = False
        if self.fails:
            self.lonely.pass_failed()
        else:
            self.lonely.pass_made()
        if self.is_wanted:
            self.ask()

    def wait(self, wait: Wait | None) -> None:
        self.child.note_wait(wait)
        self.lonely.note(self.child)  # type: ignore[arg-type]

    def live(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.reactor.advance(0.1)


@pytest.fixture
def scene(reactor: Clock) -> Scene:
    return Scene(reactor)


def test_a_child_that_waits_alone_is_killed_after_some_seconds(scene: Scene) -> None:
    scene.wait(AWAY)
    scene.live(LONELY_SECONDS - 0.5)
    assert scene.child.killed == []
    scene.live(1)
    assert scene.child.killed[0] == (
        "the database has been away for it alone for 5 s, at job 0x1: ClientDisconnected: away"
    )
    assert not scene.child.is_free, "its job is interrupted"


def test_a_wait_that_ends_is_forgotten_and_nothing_is_asked_any_more(scene: Scene) -> None:
    scene.wait(AWAY)
    scene.live(LONELY_SECONDS - 1)
    scene.wait(None)
    scene.live(2)
    asked = scene.asked
    assert scene.reactor.getDelayedCalls() == []
    scene.wait(AWAY)
    scene.live(LONELY_SECONDS - 0.5)
    assert scene.child.killed == []
    assert scene.asked > asked


def test_nothing_is_held_against_a_child_while_the_database_is_away_for_all(scene: Scene) -> None:
    scene.fails = True
    scene.wait(AWAY)
    scene.live(120)
    scene.fails = False
    scene.lonely.pass_failed()  # the last one
    scene.live(RETURN_SECONDS + LONELY_SECONDS - 2)
    assert scene.child.killed == []
    scene.live(RETURN_SECONDS)
    assert len(scene.child.killed) >= 1


def test_a_pass_that_takes_long_has_waited_for_the_database_too(scene: Scene) -> None:
    scene.takes = 5.0
    scene.wait(AWAY)
    scene.live(60)
    assert scene.child.killed == []


def test_a_pass_without_an_end_proves_nothing(scene: Scene) -> None:
    scene.takes = 1e6
    scene.wait(AWAY)
    scene.live(60)
    assert scene.child.killed == []


def test_a_database_that_is_full_is_waited_for(scene: Scene) -> None:
    scene.wait(FULL)
    scene.live(120)
    assert scene.child.killed == []
    scene.child.note_ended(A, Ending.STORAGE, 0.1, FULL.problem)
    scene.lonely.note(scene.child)  # type: ignore[arg-type]
    scene.live(120)
    assert scene.child.killed == []


def fail_to_store(scene: Scene, oid: bytes) -> None:
    if oid not in scene.child.outstanding:
        scene.child.note_given([oid])
    scene.child.note_ended(oid, Ending.STORAGE, 0.1, "ClientDisconnected: away")
    scene.lonely.note(scene.child)  # type: ignore[arg-type]


def test_a_child_that_cannot_store_its_job_is_killed_at_the_cost_of_that_job(scene: Scene) -> None:
    for _ in range(int(LONELY_SECONDS) + 1):
        fail_to_store(scene, A)
        assert scene.child.killed == []
        scene.live(1)
    fail_to_store(scene, A)
    assert len(scene.child.killed) == 1
    assert not scene.child.is_free
    assert scene.child.culprit == A


def test_a_child_that_is_at_a_long_job_after_one_it_could_not_store_is_left_alone(
    scene: Scene,
) -> None:
    fail_to_store(scene, A)
    scene.child.note_given([B])
    scene.live(60)
    scene.child.note_ended(B, Ending.COMPLETED, 60.0, "")
    scene.lonely.note(scene.child)  # type: ignore[arg-type]
    fail_to_store(scene, A)
    assert scene.child.killed == []


def test_a_thread_of_this_process_is_left_alone(scene: Scene) -> None:
    scene.child.note_started(0)
    scene.wait(AWAY)
    scene.live(60)
    assert scene.child.killed == []
