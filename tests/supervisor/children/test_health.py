"""Children that take too much memory, and children that a signal has stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
from twisted.internet.task import Clock

from tests.supervisor.children.pooled import USUAL, Pooled
from tests.support.scenes import Said
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.status import child_list
from zcasync.testing.waiting import wait_until

A = bytes(7) + b"\x01"
STOPPED = ProcessInfo(50 * 2**20, is_stopped=True)


@pytest.fixture
def pooled(reactor: Clock) -> Pooled:
    return Pooled(reactor, memory_limit=300 * 2**20, frozen_timeout=60)


def test_a_child_that_takes_more_than_the_limit_is_killed_with_the_reason(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    pooled.vitals[process.pid] = ProcessInfo(300 * 2**20, is_stopped=False)
    pooled.reactor.advance(1)
    assert not process.signals, "the limit itself is allowed"

    pooled.vitals[process.pid] = ProcessInfo(512 * 2**20, is_stopped=False)
    pooled.reactor.advance(1)
    pooled.settle()
    ((_, death, idle),) = pooled.deaths
    assert death.reason == "it takes 512 MB, more than the 300 MB of memory-limit"
    assert not idle
    assert "  line 7 in work" in death.output


def test_a_limit_that_no_child_can_keep_is_no_spin(reactor: Clock) -> None:
    pooled = Pooled(reactor, memory_limit=2**20)
    pooled.boot(1)
    pooled.live(300)

    assert 5 < len(pooled.started) < 15


def test_a_stopped_child_is_reported_once_and_gets_no_jobs(pooled: Pooled, said: Said) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    pooled.vitals[process.pid] = STOPPED
    pooled.reactor.pump([1] * 5)

    assert len(said.about("was stopped by a signal")) == 1
    assert said.about(f"continue it with kill -CONT {process.pid}")
    assert pooled.pool.ready() == []
    (shown,) = child_list(pooled.pool)
    assert (shown["state"], shown["job"]) == ("busy", "0x1")
    assert shown["note"] == f"stopped by a signal for 4 s: kill -CONT {process.pid}"


def test_a_stopped_child_is_killed_after_the_timeout(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    pooled.vitals[process.pid] = STOPPED
    pooled.reactor.pump([1] * 60)
    assert process.signals == []

    pooled.reactor.advance(1)
    pooled.settle()
    assert process.signals == ["SIGKILL"], "it could not answer anyway"
    assert pooled.deaths[0][1].reason == "a signal had stopped it for 60 s (frozen-timeout)"


def test_a_stopped_child_that_goes_on_in_time_is_as_good_as_before(
    pooled: Pooled, said: Said
) -> None:
    (process,) = pooled.boot(1)
    pooled.vitals[process.pid] = STOPPED
    pooled.reactor.pump([1] * 59)
    pooled.vitals[process.pid] = USUAL
    pooled.reactor.advance(1)
    assert [child.pid for child in pooled.pool.ready()] == [process.pid]
    assert said.about("goes on")

    pooled.vitals[process.pid] = STOPPED
    pooled.reactor.pump([1] * 59)
    assert process.signals == [], "the time begins anew"


def test_a_pause_of_the_supervisor_itself_is_not_held_against_a_stopped_child(
    pooled: Pooled,
) -> None:
    (process,) = pooled.boot(1)
    pooled.vitals[process.pid] = STOPPED
    pooled.reactor.pump([1, 1])
    pooled.reactor.advance(3600)

    assert process.signals == []


def test_a_child_that_is_only_silent_is_left_alone(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    process.is_deaf = True
    pooled.reactor.pump([1] * 600)

    assert (process.signals, pooled.states()) == ([], {0: "busy"})


def test_a_pool_without_children_checks_nothing(pooled: Pooled) -> None:
    pooled.boot(2)
    pooled.pool.set_size(0)
    pooled.settle()
    assert pooled.reactor.getDelayedCalls() == []

    pooled.pool.set_size(1)
    assert len(pooled.reactor.getDelayedCalls()) == 2  # the boot timeout, and the look


def test_the_process_info_of_a_real_process_has_its_memory() -> None:
    found = ProcessInfo.of(os.getpid())
    assert found is not None
    assert found.rss > 10 * 2**20
    assert not found.is_stopped


def test_the_process_info_shows_a_stopped_process_and_none_of_a_gone_one() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: psutil.Process(process.pid).status() == "stopped", "it to stop")
        found = ProcessInfo.of(process.pid)
        assert found is not None
        assert found.is_stopped
    finally:
        process.kill()
        process.wait()
    assert ProcessInfo.of(process.pid) is None


def test_a_child_that_does_not_end_after_its_last_job_is_killed(pooled: Pooled, said: Said) -> None:
    process, _ = pooled.boot(2)
    other = pooled.started[1]
    other.lingers = True
    pooled.perform([A], slot=1)
    pooled.pool.set_size(1)
    pooled.reactor.pump([1] * 100)
    assert other.signals == [], "its job may take as long as it likes"

    other.end_job()
    pooled.reactor.pump([1] * 9)
    assert other.signals == []
    pooled.reactor.pump([1] * 2)
    assert other.is_gone
    assert pooled.deaths[0][1].reason is not None
    assert "has not ended within 10 s after its last job" in pooled.deaths[0][1].reason
    assert "  line 7 in work" in pooled.deaths[0][1].output
    assert pooled.deaths[0][2], "no job was interrupted"
    assert len(said.about("is killed:")) == 1
    assert process.signals == []
