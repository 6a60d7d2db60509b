"""Children that die in the middle of a job: of what the job does, of a signal, with relatives."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import AbortedError
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until


def test_a_job_whose_child_was_killed_takes_effect_once_and_the_slot_works_again(
    common: Instance, client: Client, gate: Gate
) -> None:
    counter = client.add("killed", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    victim = gate.wait_for()
    os.kill(victim, signal.SIGKILL)
    heir = gate.wait_for(2)
    assert heir != victim
    gate.open()
    assert client.wait_for(partial) == 1
    assert counter.value == 1
    assert partial._interruptions == 1
    assert partial.attempts == 2
    assert victim not in common.wait_for_children(2, "idle")


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_that_ends_its_process_runs_again_and_others_are_not_counted(
    client: Client, gate: Gate, code: int
) -> None:
    others = [client.put(jobs.nothing) for _ in range(20)]
    partial = client.put(jobs.exit_in_first_process, gate.path, code)
    others += [client.put(jobs.nothing) for _ in range(20)]
    assert client.wait_for(partial) == "second time"
    assert partial._interruptions == 1
    client.wait_for(*others)
    assert {other._interruptions for other in others} == {0}


def test_a_job_that_always_kills_its_child_is_ended_with_the_evidence(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.manager.thread.put(Partial(jobs.exit_at_once, gate.path, 3))
    partial._interruptions = 7  # of ten; each one takes the boot of a child
    client.commit()
    innocent = [client.put(jobs.nothing) for _ in range(10)]
    failure = client.wait_for(partial, timeout=90)
    assert failure.check(AbortedError)
    assert "interrupted 10 times" in failure.getErrorMessage()
    assert "exited with 3" in failure.getErrorMessage()
    assert failure.evidence["exit_code"] == 3
    assert "last words" in failure.evidence["output"]
    assert "last words" in failure.getTraceback()
    assert len(gate.arrivals()) == len(set(gate.arrivals())) == 3
    client.wait_for(*innocent)
    assert {other._interruptions for other in innocent} == {0}


def test_a_callback_that_always_kills_its_child_is_ended_too(client: Client, gate: Gate) -> None:
    partial = client.manager.thread.put(Partial(jobs.echo, 1))
    fatal = partial.addCallback(Partial(jobs.exit_after))
    fatal.kwargs["gate"] = gate.path
    fatal._interruptions = 8
    client.commit()
    client.wait_for(partial, timeout=90)
    assert partial.result == ((1,), {})
    assert fatal.result.check(AbortedError)
    assert len(gate.arrivals()) == 2


def test_a_crash_leaves_the_signal_and_the_python_stack(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.manager.thread.put(Partial(jobs.segfault))
    partial._interruptions = 9  # the next one is the last
    client.commit()
    failure = client.wait_for(partial)
    assert "was killed by SIGSEGV" in failure.getErrorMessage()
    assert failure.evidence["signal"] == "SIGSEGV"
    output = "\n".join(failure.evidence["output"])
    assert "Segmentation fault" in output
    assert "in segfault" in output
    assert failure.getTraceback().count("in segfault") == 1
    assert "Segmentation fault" in failure.getTraceback()


def test_a_grandchild_that_keeps_the_pipes_hides_no_death(
    client: Client, gate: Gate, tmp_path: Path
) -> None:
    partial = client.put(jobs.die_with_grandchild, gate.path)
    client.wait_for(partial)
    assert partial._interruptions == 1
    grandchild = int((tmp_path / "gate.pid").read_text())
    wait_until(lambda: is_gone(grandchild), "the grandchild to run into its closed pipe")


def test_the_processes_that_a_job_has_started_die_with_its_child(
    common: Instance, client: Client, gate: Gate, tmp_path: Path
) -> None:
    partial = client.put(jobs.leave_grandchild, gate.path)
    victim = gate.wait_for()
    grandchild = int((tmp_path / "gate.pid").read_text())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: is_gone(grandchild), "the grandchild to be killed")
    gate.wait_for(2)
    gate.open()
    second = client.wait_for(partial)
    os.kill(second, signal.SIGKILL)
    # Until its death is known, the supervisor may hand the next test's job to it.
    wait_until(lambda: second not in common.child_pids(), "its death to be known")


def test_an_idle_child_that_is_killed_is_replaced_and_interrupts_nothing(
    common: Instance, client: Client
) -> None:
    victim = common.wait_for_children(2, "idle")[0]
    os.kill(victim, signal.SIGKILL)
    # Before the supervisor knows, it may hand a job to the dead.
    wait_until(lambda: victim not in common.child_pids(), "its death to be known")
    partials = [client.put(jobs.process) for _ in range(6)]
    client.wait_for(*partials)
    assert victim not in common.wait_for_children(2, "idle")
    assert {partial._interruptions for partial in partials} == {0}
