"""Kills of ours: the Python stack first where there is one, the reason, the cause of death."""

from __future__ import annotations

import pytest
from ampoule.main import FROM_CHILD
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock

from tests.supervisor.children.fake_children import FakeProcess
from tests.supervisor.children.pooled import Pooled
from tests.support.scenes import Said
from zcasync.supervisor.children.child import (
    HUNG_UP_SECONDS,
    LAST_STACK_SECONDS,
    STACK_SECONDS,
    Child,
)
from zcasync.supervisor.children.oom import OutOfMemory

A = bytes(7) + b"\x01"


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel has just killed somebody for want of memory."""
    monkeypatch.setattr(OutOfMemory, "has_killed", lambda self: True)


@pytest.fixture
def pooled(reactor: Clock) -> Pooled:
    return Pooled(reactor)


@pytest.fixture
def process(pooled: Pooled) -> FakeProcess:
    """A child that has a job."""
    (process,) = pooled.boot(1)
    pooled.perform([A])
    return process


@pytest.fixture
def child(pooled: Pooled, process: FakeProcess) -> Child:
    return pooled.pool.children[0]


def is_killed_later(pooled: Pooled) -> bool:
    return any(timer.func.__name__ == "_kill_now" for timer in pooled.timers())


def test_a_child_with_a_running_job_prints_its_stack_before_it_is_killed(
    pooled: Pooled, process: FakeProcess, child: Child
) -> None:
    process.say("working\n")
    child.kill("we say so")
    pooled.settle()

    assert process.signals == ["SIGUSR2", "SIGKILL"]
    ((_, death, idle),) = pooled.deaths
    assert (death.signal, death.reason, idle) == ("SIGKILL", "we say so", False)
    assert death.output[:3] == ("working", "Thread 0x1:", "  line 7 in work")
    assert not is_killed_later(pooled)


def test_a_child_that_does_not_answer_is_killed_all_the_same(
    pooled: Pooled, process: FakeProcess, child: Child
) -> None:
    process.is_deaf = True
    child.kill("we say so")
    pooled.reactor.advance(STACK_SECONDS * 0.9)
    assert (pooled.states(), process.signals) == ({0: "stopping"}, ["SIGUSR2"])

    pooled.reactor.advance(STACK_SECONDS * 0.1)
    assert pooled.deaths[0][1].reason == "we say so"


def test_a_child_without_a_running_job_is_killed_at_once(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.pool.children[0].kill("we say so")

    assert process.signals == ["SIGKILL"]


def test_a_hurried_kill_does_not_ask_for_the_stack(process: FakeProcess, child: Child) -> None:
    child.kill("we say so", within=0.0)

    assert process.signals == ["SIGKILL"]


def test_a_second_kill_waits_for_the_stack_unless_it_is_in_a_hurry(
    pooled: Pooled, process: FakeProcess, child: Child, said: Said
) -> None:
    process.is_deaf = True
    child.kill("the first reason")
    child.kill("the second reason")
    assert process.signals == ["SIGUSR2"]

    child.kill("the third reason", within=0.0)
    pooled.settle()
    assert pooled.deaths[0][1].reason == "the first reason"
    assert len(said.about("is killed:")) == 1
    assert not is_killed_later(pooled)


def test_a_second_kill_can_shorten_the_wait_for_the_stack(
    pooled: Pooled, process: FakeProcess, child: Child
) -> None:
    process.is_deaf = True
    child.kill("we say so")
    pooled.pool.kill_all("the grace period is over", within=LAST_STACK_SECONDS)
    child.kill("not later again")

    pooled.reactor.advance(LAST_STACK_SECONDS)
    assert pooled.deaths[0][1].reason == "we say so"


def test_a_child_that_dies_while_its_stack_is_awaited_is_simply_dead(
    pooled: Pooled, process: FakeProcess, child: Child
) -> None:
    process.is_deaf = True
    child.kill("we say so")
    process.crash(3)

    ((_, death, _),) = pooled.deaths
    assert (death.exit_code, death.reason) == (3, "we say so")
    assert not is_killed_later(pooled)


def test_a_child_that_has_closed_its_pipe_and_does_not_end_is_killed(
    pooled: Pooled, reactor: Clock, process: FakeProcess, child: Child
) -> None:
    child._connector.childConnectionLost(FROM_CHILD)
    reactor.advance(HUNG_UP_SECONDS)
    pooled.settle()

    assert "SIGKILL" in process.signals
    ((_, death, idle),) = pooled.deaths
    assert ("closed its pipe" in death.reason, idle) == (True, False)
    child._connector.childConnectionLost(FROM_CHILD)  # it is gone, so what
    assert not any(timer.func == child.kill for timer in pooled.timers())


def test_a_boot_that_takes_too_long_shows_where_it_hangs(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    pooled.reactor.advance(10)
    pooled.settle()

    assert "  line 7 in work" in pooled.deaths[0][1].output


# what others do to it


def test_a_child_that_the_kernel_killed_for_want_of_memory_has_that_reason(
    no_memory: None, pooled: Pooled, process: FakeProcess, child: Child
) -> None:
    child.rss = 700 * 2**20
    process.die(ProcessTerminated(signal=9))

    assert pooled.deaths[0][1].summary == (
        f"child process {process.pid} was killed by SIGKILL (out of memory: the kernel killed it, "
        "which took 700 MB when last looked at)"
    )


@pytest.mark.parametrize("number", [6, 15])
def test_other_signals_are_not_about_memory(
    no_memory: None, pooled: Pooled, process: FakeProcess, number: int
) -> None:
    process.die(ProcessTerminated(signal=number))

    assert pooled.deaths[0][1].reason is None


def test_a_signal_without_a_name_has_its_number(pooled: Pooled, process: FakeProcess) -> None:
    process.die(ProcessTerminated(signal=40))

    assert pooled.deaths[0][1].signal == "signal 40"
