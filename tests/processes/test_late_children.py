"""A child that is still at a job which is over by its record is replaced, at no cost."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from tests.jobs import afterwards
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.partial import Partial
from zcasync.supervisor.late_children import LATE_SECONDS
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: Polls that seldom find nobody late.
CONFIG = """
<zcasync>
  grace-period 2
  poll-seconds 60
</zcasync>
"""


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    return make_instance(children=1, config=CONFIG).start()


def others_go_on(client: Client) -> None:
    """Ten jobs behind it are done, and none of them is charged with anything."""
    others = client.put_many(jobs.nothing, 10)
    assert client.wait_for(*others, timeout=60) == [None] * 10
    assert {one._interruptions for one in others} == {0}


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "batch"])
def test_a_child_that_hangs_behind_its_commit_is_replaced_and_its_job_is_not_charged(
    instance: Instance, gate: Gate, batch: bool
) -> None:
    client = instance.client
    partial = client.put(afterwards.hang_after_commit, gate.path, batch=batch)
    pid = gate.wait_for()
    behind = client.put(jobs.nothing)
    assert client.wait_for(partial) == "committed"
    wait_until(lambda: is_gone(pid), "the child to be replaced", 60, instance.evidence)
    others_go_on(client)
    client.wait_for(behind)
    assert (partial.attempts, partial._interruptions) == (1, 0)
    assert (behind.attempts, behind._interruptions) == (1, 0)
    assert len(gate.arrivals()) == 1
    assert f"was over for {LATE_SECONDS:g} s, and it was still at it" in instance.log


def test_a_child_whose_job_somebody_else_has_ended_is_replaced(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    partial = client.put(jobs.pass_gate, gate.path)
    pid = gate.wait_for()
    client.sync()
    partial.fail(ValueError("not wanted any more"))
    wait_until(lambda: is_gone(pid), "the child to be replaced", 60, instance.evidence)
    others_go_on(client)
    assert partial.result.check(ValueError)
    assert partial._interruptions == 0
    assert len(gate.arrivals()) == 1


def test_a_child_that_runs_callbacks_is_not_late(instance: Instance, gate: Gate) -> None:
    client = instance.client
    partial = client.manager.thread.put(Partial(jobs.nothing))
    callback = partial.addCallback(Partial(afterwards.wait_in_a_callback, gate=gate.path))
    client.commit()
    pid = gate.wait_for()
    waits_for(instance, 2 * LATE_SECONDS + 3)
    gate.open()
    assert client.wait_for(callback) == "after None"
    assert instance.child_pids() == [pid]


def test_a_child_that_runs_the_callbacks_of_who_has_waited_is_not_late(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    partial = client.manager.thread.put(Partial.bind(afterwards.returns_another))
    callback = partial.addCallback(Partial(afterwards.wait_in_a_callback, gate=gate.path))
    client.commit()
    pid = gate.wait_for()
    waits_for(instance, 2 * LATE_SECONDS + 3)
    gate.open()
    assert client.wait_for(callback) == "after the other one"
    assert instance.child_pids() == [pid]


def test_a_child_that_is_frozen_behind_its_commit_is_replaced(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    partial = client.put(afterwards.hang_after_commit, gate.path)
    pid = gate.wait_for()
    os.kill(pid, signal.SIGSTOP)
    gate.open()
    wait_until(lambda: is_gone(pid), "the child to be replaced", 60, instance.evidence)
    others_go_on(client)
    assert (partial.attempts, partial._interruptions) == (1, 0)


def waits_for(instance: Instance, seconds: float) -> None:
    """Wait until a child has been at its job for so long, by the supervisor's passes."""
    passes = instance.status()["passes"]["passes"]
    more = int(seconds / LATE_SECONDS) + 1
    wait_until(lambda: instance.status()["passes"]["passes"] >= passes + more, "more passes", 60)
