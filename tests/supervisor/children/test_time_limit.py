"""The hard limit of a child's call, by the supervisor's clock."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.supervisor.children.fake_children import MARK, FakeProcess
from tests.supervisor.children.pooled import Pooled
from zcasync.job.ids import hex_oid
from zcasync.protocol.output_marks import LIMIT_OVER, limit_mark, marked_limits
from zcasync.supervisor.children.child import STACK_SECONDS
from zcasync.supervisor.children.time_limit import hung_in

A, B = bytes(7) + b"\x01", bytes(7) + b"\x02"

STACK = """\
Thread 0x00007f987eac06c0 (most recent call first):
  File "/zcasync/protocol/lifeline.py", line 35 in wait_for_end

Thread 0x00007f987eac06c1 (most recent call first):
  File "/lib/subprocess.py", line 2004 in _try_wait
  File "/shop/orders.py", line 12 in send
  File "/zcasync/job/callables.py", line 160 in call_here
  File "/zcasync/perform/call.py", line 62 in attempt

Current thread 0x00007f988141db80 (most recent call first):
  File "/twisted/internet/epollreactor.py", line 227 in doPoll
""".splitlines()


@pytest.fixture
def pooled(reactor: Clock) -> Pooled:
    return Pooled(reactor)


@pytest.fixture
def process(pooled: Pooled) -> FakeProcess:
    """A child that has two jobs."""
    (process,) = pooled.boot(1)
    pooled.perform([A, B])
    return process


def mark(process: FakeProcess, stage: str, job: bytes = A) -> None:
    process.mark(f"{MARK}{hex_oid(job)} {stage}\n")


def test_a_call_that_passes_its_hard_limit_costs_the_child_and_its_own_job_alone(
    pooled: Pooled, process: FakeProcess
) -> None:
    mark(process, limit_mark(2.0, 5.0))
    pooled.reactor.advance(4.9)
    assert process.signals == []

    pooled.reactor.advance(0.1)
    pooled.settle()
    assert process.signals == ["SIGUSR2", "SIGKILL"], "its stack first"
    ((_, death, idle),) = pooled.deaths
    assert (death.job, death.at_stake, idle) == (hex_oid(A), frozenset([A]), False)
    assert death.limits is not None
    assert {name: death.limits[name] for name in ("soft", "hard")} == {"soft": 2.0, "hard": 5.0}
    assert death.limits["killed"] == pytest.approx(5.0, abs=0.1)
    assert death.as_dict()["limits"] == death.limits
    assert death.to_others().limits is None
    assert not any(timer.func.__name__ == "_passed" for timer in pooled.timers())


def test_one_that_is_frozen_is_killed_without_its_stack(
    pooled: Pooled, process: FakeProcess
) -> None:
    process.is_deaf = True
    mark(process, limit_mark(None, 5.0))
    pooled.reactor.advance(5.0)
    assert process.signals == ["SIGUSR2"]
    pooled.reactor.advance(STACK_SECONDS)
    assert pooled.deaths[0][1].limits is not None


def test_a_call_that_is_over_in_time_is_left_alone(pooled: Pooled, process: FakeProcess) -> None:
    mark(process, limit_mark(None, 5.0))
    pooled.reactor.advance(4.0)
    mark(process, LIMIT_OVER)
    pooled.reactor.advance(10.0)
    assert process.signals == []


def test_each_attempt_has_the_whole_time(pooled: Pooled, process: FakeProcess) -> None:
    for _ in range(3):
        mark(process, limit_mark(None, 5.0))
        pooled.reactor.advance(4.0)
        mark(process, LIMIT_OVER)
    assert process.signals == []
    assert pooled.pool.children[0].time_limit.as_dict() is None


def test_what_the_child_has_written_meanwhile_is_looked_at_first(
    pooled: Pooled, process: FakeProcess
) -> None:
    mark(process, limit_mark(None, 5.0))
    pooled.reactor.callLater(5.0, lambda: None)
    child = pooled.pool.children[0]
    child.drain = lambda *fds: mark(process, LIMIT_OVER)  # type: ignore[method-assign]
    pooled.reactor.advance(60.0)
    assert process.signals == []


def test_a_soft_limit_alone_kills_nobody(pooled: Pooled, process: FakeProcess) -> None:
    mark(process, limit_mark(1.0, None))
    pooled.reactor.advance(3.0)
    assert process.signals == []
    shown = pooled.pool.children[0].time_limit.as_dict()
    assert shown == {"soft": 1.0, "hard": None, "elapsed": 3.0}


@pytest.mark.parametrize("limits", [(1.5, 20.0), (None, 0.25), (3.0, None)])
def test_marks_say_what_they_were_made_of(limits: tuple[float | None, float | None]) -> None:
    assert marked_limits(limit_mark(*limits)) == limits
    assert marked_limits(LIMIT_OVER) is None


def test_the_stack_says_where_a_call_hung() -> None:
    assert hung_in(STACK) == 'File "/lib/subprocess.py", line 2004 in _try_wait'
    assert hung_in(STACK[:3]) is None
    assert hung_in(()) is None
