"""Children that reach a limit: of memory, of jobs, of the time that a signal has stopped them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Instance
from zcasync.interfaces import AbortedError
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

LIMITS = """
<zcasync>
  grace-period 5
  memory-limit 300MB
  frozen-timeout 3
</zcasync>
"""
RECYCLING = """
<zcasync>
  grace-period 5
  max-jobs 5
</zcasync>
"""


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    return make_instance(config=LIMITS).start()


def test_a_job_that_takes_too_much_memory_is_ended_with_the_evidence(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    partial = client.manager.thread.put(Partial(jobs.take_memory, gate.path, 400))
    partial._interruptions = 8  # of ten: it is tried twice
    client.commit()
    failure = client.wait_for(partial, timeout=90)
    assert failure.check(AbortedError)
    assert "more than the 300 MB of memory-limit" in failure.getErrorMessage()
    assert failure.evidence["signal"] == "SIGKILL"
    assert "in take_memory" in "\n".join(failure.evidence["output"])
    assert "in take_memory" in failure.getTraceback()
    assert len(set(gate.arrivals())) == 2
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})


def test_a_child_that_a_signal_has_stopped_is_reported_and_then_replaced(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    victim = gate.wait_for()
    os.kill(victim, signal.SIGSTOP)

    def shown() -> bool:
        children = instance.status()["children"]
        notes = [child["note"] or "" for child in children if child["pid"] == victim]
        return any("stopped by a signal" in note for note in notes)

    wait_until(shown, "the status to show it", seen=instance.evidence)
    assert gate.wait_for(2, timeout=60) != victim
    gate.open()
    client.wait_for(partial)
    assert counter.value == 1
    assert partial._interruptions == 1
    assert "a signal had stopped it for 3 s (frozen-timeout)" in instance.log
    assert is_gone(victim)


def test_a_stopped_child_that_is_continued_in_time_ends_its_job(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    partial = client.put(jobs.pass_gate, gate.path)
    victim = gate.wait_for()
    os.kill(victim, signal.SIGSTOP)
    wait_until(lambda: "was stopped by a signal" in instance.log, "the log to tell it")
    os.kill(victim, signal.SIGCONT)
    gate.open()
    assert client.wait_for(partial) == victim
    assert partial._interruptions == 0
    wait_until(lambda: instance.status()["children"][0]["note"] is None, "it to be as before")


def test_a_child_whose_job_holds_the_interpreters_lock_is_left_alone(
    instance: Instance, gate: Gate
) -> None:
    partial = instance.client.put(jobs.hold_lock, gate.path, 5.0)  # longer than the frozen-timeout
    victim = gate.wait_for()
    assert instance.client.wait_for(partial) == victim
    assert partial._interruptions == 0


def test_children_are_replaced_after_their_jobs_without_an_interruption(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=2, config=RECYCLING).start()
    client = instance.client
    partials: list[Partial] = []
    pids: set[int] = set()

    def are_replaced() -> bool:
        more = [client.put(jobs.process) for _ in range(4)]
        pids.update(pid for pid, _, _ in client.wait_for(*more))
        partials.extend(more)
        return len(pids) > 5

    wait_until(are_replaced, "other children to do the jobs", 60, instance.evidence)
    assert instance.log.count("is replaced: it has done") > 2
    assert {partial._interruptions for partial in partials} == {0}
    assert {partial.attempts for partial in partials} == {1}
