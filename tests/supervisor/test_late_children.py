"""When a child counts as late: passes find its job over, and it goes on with it for a while."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.support.fake_children import A, B, FakeChild
from zcasync.supervisor.late_children import LATE_SECONDS, LOOK_SECONDS, LateChildren


@pytest.fixture
def child(reactor: Clock) -> FakeChild:
    return FakeChild(reactor)


@pytest.fixture
def woken() -> list[float]:
    return []


@pytest.fixture
def late(reactor: Clock, child: FakeChild, woken: list[float]) -> LateChildren:
    def wake(delay: float = 0.0) -> None:
        woken.append(delay)

    return LateChildren(reactor, lambda: {0: child}, wake)  # type: ignore[dict-item]


def test_a_late_child_is_killed_at_no_cost(
    late: LateChildren, child: FakeChild, reactor: Clock, woken: list[float]
) -> None:
    late.pass_made({0: A})
    assert (child.killed, woken) == ([], [LATE_SECONDS])
    reactor.advance(LATE_SECONDS)
    late.pass_made({0: A})
    assert len(child.killed) == 1
    assert child.is_free


def test_a_child_that_reports_in_time_is_not_late(
    late: LateChildren, child: FakeChild, reactor: Clock
) -> None:
    late.pass_made({0: A})
    reactor.advance(LATE_SECONDS - 1)
    late.pass_made({})
    reactor.advance(1)
    late.pass_made({0: A})
    assert child.killed == []
    late.pass_made({0: B})  # what an earlier pass has seen: the child has another job now
    reactor.advance(LATE_SECONDS)
    late.pass_made({0: B, 5: A})
    assert child.killed == []


def test_passes_are_made_while_a_job_runs_long_and_no_longer(
    late: LateChildren, child: FakeChild, reactor: Clock, woken: list[float]
) -> None:
    late.look()
    late.look()
    reactor.pump([1.0] * int(3 * LOOK_SECONDS + 1))
    assert len(woken) == 2, "not in the first seconds of the job"
    child.outstanding.clear()
    reactor.advance(LOOK_SECONDS)
    assert reactor.getDelayedCalls() == []
