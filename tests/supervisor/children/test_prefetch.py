"""How many jobs are reserved ahead of a child, and what other children get of them."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.prefetch import (
    RESERVE_LIMIT,
    RESERVE_SECONDS,
    SHARE_SECONDS,
    Sharing,
    may_overtake,
    room,
    target,
    wants_more,
)
from zcasync.supervisor.children.state import ChildState


def oids(*numbers: int) -> list[bytes]:
    return [number.to_bytes(8) for number in numbers]


class FakeChild(ChildState):
    """A ready child; the test answers for it."""

    def __init__(self, reactor: Clock, slot: int = 0) -> None:
        super().__init__(reactor, slot)
        self.asked: list[Deferred[list[bytes]]] = []
        self.note_ready()

    def take_back(self) -> Deferred[list[bytes]]:
        self.taking_back = True
        self.asked.append(Deferred())
        return self.asked[-1]


@pytest.fixture
def child(reactor: Clock) -> FakeChild:
    return FakeChild(reactor)


class Shared:
    """Two children, and what was taken back from them."""

    def __init__(self, reactor: Clock) -> None:
        self.loaded, self.other = FakeChild(reactor, 0), FakeChild(reactor, 1)
        self.returned: list[tuple[int, list[bytes]]] = []
        self.sharing = Sharing(
            reactor,
            lambda: [self.loaded, self.other],
            lambda slot, taken: self.returned.append((slot, taken)),
        )


@pytest.fixture
def shared(reactor: Clock) -> Shared:
    return Shared(reactor)


def test_a_child_that_has_ended_nothing_gets_one_job(child: FakeChild) -> None:
    assert target(child) == 1


@pytest.mark.parametrize(
    ("seconds", "count"), [(10.0, 1), (0.06, 2), (0.01, 11), (0.0001, 201), (0.0, 201)]
)
def test_short_jobs_are_prefetched_within_limits(
    child: FakeChild, seconds: float, count: int
) -> None:
    child.seconds_per_job = seconds

    assert target(child) == count <= 1 + RESERVE_LIMIT


def test_the_room_of_a_child_is_what_the_target_leaves(child: FakeChild) -> None:
    child.seconds_per_job = 0.05
    assert room(child, 0.0) == 3

    child.note_given(oids(1, 2))
    assert room(child, 0.0) == 1

    child.note_given(oids(3, 4, 5))
    assert room(child, 0.0) == 0


def test_no_job_is_prefetched_behind_one_that_takes_long(child: FakeChild, reactor: Clock) -> None:
    child.seconds_per_job = 0.01
    child.note_given(oids(1))
    reactor.advance(2 * RESERVE_SECONDS)
    assert room(child, reactor.seconds()) == 0

    child.note_ended(*oids(1), Ending.SETTLED, 0.01, "")
    assert room(child, reactor.seconds()) == 11


def test_no_job_is_prefetched_for_a_child_whose_jobs_are_being_revoked(child: FakeChild) -> None:
    child.taking_back = True

    assert room(child, 0.0) == 0


def test_jobs_behind_a_long_one_are_revoked_for_an_idle_child(
    reactor: Clock, shared: Shared
) -> None:
    shared.loaded.note_given(oids(1, 2, 3))
    shared.sharing.look()
    reactor.advance(SHARE_SECONDS)
    assert shared.loaded.asked == [], "it may be a short job still"

    reactor.advance(SHARE_SECONDS)
    shared.loaded.asked[0].callback(oids(2, 3))
    assert shared.returned == [(0, oids(2, 3))]


def test_jobs_are_asked_back_once(reactor: Clock, shared: Shared) -> None:
    shared.loaded.note_given(oids(1, 2))
    shared.sharing.look()
    reactor.pump([SHARE_SECONDS] * 10)

    assert len(shared.loaded.asked) == 1


def test_while_all_children_are_at_long_jobs_another_worker_may_have_what_is_behind(
    reactor: Clock, shared: Shared
) -> None:
    """Callbacks cannot leave the worker: they are given out again, and are not asked for again."""
    shared.loaded.note_given(oids(1, 2))
    shared.other.note_given(oids(3))
    shared.sharing.look()
    reactor.pump([SHARE_SECONDS] * 3)
    shared.loaded.asked[0].callback(oids(2))
    shared.loaded.outstanding.remove(oids(2)[0])
    shared.loaded.taking_back = False
    assert shared.returned == [(0, oids(2))]

    shared.loaded.note_given(oids(2))
    shared.sharing.look()
    reactor.pump([SHARE_SECONDS] * 3)
    assert len(shared.loaded.asked) == 1

    shared.other.note_ended(*oids(3), Ending.SETTLED, 1.0, "")
    reactor.advance(SHARE_SECONDS)
    assert len(shared.loaded.asked) == 2


def test_behind_the_next_long_job_it_is_asked_for_again(reactor: Clock, shared: Shared) -> None:
    alone = Sharing(reactor, lambda: [shared.loaded], lambda slot, taken: None)
    for first in (1, 3):
        shared.loaded.note_given(oids(first, first + 1))
        alone.look()
        reactor.pump([SHARE_SECONDS] * 3)
        shared.loaded.taking_back = False
        for oid in oids(first, first + 1):
            shared.loaded.note_ended(oid, Ending.SETTLED, 1.0, "")
    assert len(shared.loaded.asked) == 2


def test_jobs_behind_a_long_one_are_revoked_for_a_child_that_is_never_idle(
    reactor: Clock, shared: Shared
) -> None:
    """Otherwise a steady stream of later jobs would overtake it for as long as the job takes."""
    shared.loaded.note_given(oids(1, 2, 3))
    shared.other.note_given(oids(4, 5))
    shared.sharing.look()
    for number in range(4, 20):
        reactor.advance(SHARE_SECONDS / 4)
        shared.other.note_given(oids(number + 2))
        shared.other.note_ended(*oids(number), Ending.COMPLETED, SHARE_SECONDS / 4, "")

    shared.loaded.asked[0].callback(oids(2, 3))
    assert shared.returned == [(0, oids(2, 3))]
    assert shared.other.asked == []


def test_a_child_with_one_job_is_left_alone_and_not_checked_again(
    reactor: Clock, shared: Shared
) -> None:
    shared.loaded.note_given(oids(1))
    reactor.advance(10)
    shared.sharing.look()

    assert shared.loaded.asked == []
    assert reactor.getDelayedCalls() == []


def test_a_child_that_dies_meanwhile_returns_nothing(shared: Shared) -> None:
    shared.sharing.take_back(shared.loaded)
    shared.loaded.asked[0].errback(Failure(ProcessTerminated(signal=9)))

    assert shared.returned == []


def test_a_stop_leaves_no_timer(reactor: Clock, shared: Shared) -> None:
    shared.loaded.note_given(oids(1, 2))
    shared.sharing.look()
    assert reactor.getDelayedCalls()

    shared.sharing.stop()
    shared.sharing.stop()
    assert reactor.getDelayedCalls() == []


def test_a_change_is_worth_a_pass_while_a_child_would_soon_have_nothing_to_do(
    reactor: Clock, child: FakeChild
) -> None:
    assert wants_more(child, reactor.seconds())
    child.note_given(oids(0))
    child.note_ended(oids(0)[0], Ending.SETTLED, RESERVE_SECONDS / 10, "")
    child.note_given(oids(1, 2))
    assert wants_more(child, reactor.seconds()), "ten are ahead of it when all is well"

    child.note_given(oids(3, 4, 5, 6))
    assert not wants_more(child, reactor.seconds())


def test_a_change_is_not_worth_a_pass_for_a_child_whose_job_takes_long(
    reactor: Clock, child: FakeChild
) -> None:
    child.note_given(oids(0))
    child.note_ended(oids(0)[0], Ending.SETTLED, RESERVE_SECONDS / 10, "")
    child.note_given(oids(1))
    assert wants_more(child, reactor.seconds())

    reactor.advance(2 * RESERVE_SECONDS)
    assert not wants_more(child, reactor.seconds())


def test_what_is_urgent_may_overtake_what_waits_behind_a_short_job(
    reactor: Clock, child: FakeChild
) -> None:
    assert not may_overtake(child, reactor.seconds()), "it is idle"
    child.note_given(oids(1))
    assert not may_overtake(child, reactor.seconds()), "it has nothing to overtake"
    child.note_given(oids(2))
    assert may_overtake(child, reactor.seconds())
    reactor.advance(SHARE_SECONDS + 0.01)
    assert not may_overtake(child, reactor.seconds()), "what is behind is about to be revoked"
    child.note_ended(*oids(1), Ending.SETTLED, 0.1, "")
    child.note_given(oids(3))
    assert may_overtake(child, reactor.seconds())
    child.take_back()
    assert not may_overtake(child, reactor.seconds())
