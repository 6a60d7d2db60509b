"""Which lanes an engine leaves to others for a moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.support import scenes
from tests.support.scenes import ELSEWHERE, Seconds
from tests.support.sessions import ONE, TWO, Session
from zcasync.queues.access import Access
from zcasync.queues.lane import Lane
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.lane_affinity import (
    FORGET_SECONDS,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    LaneAffinity,
)

MINE, OTHER = (name.bytes for name in (ONE, TWO))


@pytest.fixture
def lane(session: Session) -> Lane:
    """A lane with something to claim."""
    scenes.put(session, 3)
    return session.queue.lanes()[KEY]


KEY = bytes(16)


def engine_of(session: Session, name: uuid.UUID) -> bytes:
    found = scenes.serve(session, name, ELSEWHERE)._engine
    assert found is not None
    return found


@pytest.fixture
def engines(session: Session) -> tuple[bytes, bytes]:
    """Two engines that serve."""
    return engine_of(session, ONE), engine_of(session, TWO)


Polite = Callable[[Session, bytes], LaneAffinity]


@pytest.fixture
def polite(seconds: Seconds) -> Polite:
    """Makes the politeness of an engine that begins a pass."""

    def make(session: Session, engine: bytes) -> LaneAffinity:
        made = LaneAffinity(engine, Environment(seconds=seconds))
        made.begin_pass(session.manager)
        return made

    return make


def test_an_engine_alone_leaves_nothing_to_others(
    polite: Polite, session: Session, lane: Lane
) -> None:
    engine = engine_of(session, ONE)
    lane.owner = b"one that is gone"
    politeness = polite(session, engine)

    assert politeness.allows(KEY, lane)
    assert not politeness.waits


def test_the_engine_that_worked_a_lane_last_goes_first(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes]
) -> None:
    lane.owner = engines[0]
    first, second = (polite(session, engine) for engine in engines)

    assert first.allows(KEY, lane)
    assert not second.allows(KEY, lane)
    assert (first.waits, second.waits) == (False, True)
    assert SHORTEST_SECONDS <= second.pause <= 1.5 * SHORTEST_SECONDS


@pytest.mark.parametrize("owner", [None, b"one that is gone"])
def test_engines_agree_on_which_goes_first_at_a_lane_without_an_owner(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes], owner: bytes | None
) -> None:
    lane.owner = owner
    for number in range(20):
        key = number.to_bytes(16)
        allowed = [polite(session, engine).allows(key, lane) for engine in engines]
        assert sorted(allowed) == [False, True]


def test_a_lane_whose_head_stands_still_is_taken_over(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes], seconds: Seconds
) -> None:
    lane.owner = engines[0]
    second = polite(session, engines[1])
    assert not second.allows(KEY, lane)

    seconds.advance(1.01 * SHORTEST_SECONDS)
    second.begin_pass(session.manager)
    assert second.allows(KEY, lane) == Access.IF_IDLE
    assert not second.waits

    seconds.advance(LONGEST_SECONDS)
    assert second.allows(KEY, lane) == Access.NOW


def test_a_lane_is_left_alone_while_its_head_moves(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes], seconds: Seconds
) -> None:
    lane.owner = engines[0]
    second = polite(session, engines[1])
    for index in range(3):
        lane.index = index
        assert not second.allows(KEY, lane)
        seconds.advance(SHORTEST_SECONDS)


def test_an_engine_with_slow_passes_is_patient_within_limits(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes], seconds: Seconds
) -> None:
    lane.owner = engines[0]
    second = polite(session, engines[1])
    for _ in range(50):
        second.begin_pass(session.manager)
        seconds.advance(10)
        second.note_commit()
    assert not second.allows(KEY, lane)
    seconds.advance(LONGEST_SECONDS / 2)
    assert not second.allows(KEY, lane)

    seconds.advance(LONGEST_SECONDS)
    assert second.allows(KEY, lane)


def test_an_engine_helps_no_other_after_a_conflict_and_then_less_soon(
    polite: Polite,
    session: Session,
    lane: Lane,
    engines: tuple[bytes, bytes],
    seconds: Seconds,
) -> None:
    lane.owner = engines[0]
    second = polite(session, engines[1])
    assert not second.allows(KEY, lane)
    seconds.advance(1.01 * SHORTEST_SECONDS)
    assert second.allows(KEY, lane)

    second.note_conflict()
    seconds.advance(LONGEST_SECONDS)
    second.begin_pass(session.manager)
    assert not second.allows(KEY, lane)

    second.note_commit()
    lane.index = 1
    assert not second.allows(KEY, lane)
    seconds.advance(1.01 * SHORTEST_SECONDS)
    assert not second.allows(KEY, lane)
    seconds.advance(SHORTEST_SECONDS)
    assert second.allows(KEY, lane)


def test_a_lane_that_is_gone_is_forgotten(
    polite: Polite, session: Session, lane: Lane, engines: tuple[bytes, bytes], seconds: Seconds
) -> None:
    lane.owner = engines[1]
    politeness = polite(session, engines[0])
    politeness.allows(b"gone", lane)
    politeness.allows(KEY, lane)
    seconds.advance(FORGET_SECONDS)
    politeness.begin_pass(session.manager)
    politeness.allows(KEY, lane)
    seconds.advance(FORGET_SECONDS)
    politeness.begin_pass(session.manager)
    assert set(politeness._seen) == {KEY}
    assert politeness.allows(KEY, lane) == Access.NOW, "it has stood still for long"
