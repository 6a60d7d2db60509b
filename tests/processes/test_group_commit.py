"""Group commit in real children: faster, and not one promise less."""

from __future__ import annotations

import os
import signal

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.partial import Partial


def test_jobs_of_a_group_take_effect_once_when_their_child_is_killed(
    common: Instance, client: Client, gate: Gate
) -> None:
    counter = client.add("grouped", jobs.Counter())
    calls = [Partial(counter.add) for _ in range(30)]
    calls.insert(10, Partial(counter.add_at_gate, gate.path, 1000))
    partials = client.manager.thread.put_many(calls, batch=True)
    client.worker(common.home).thread.size = 1  # one child, so that they are one group
    client.commit()
    victim = gate.wait_for()
    os.kill(victim, signal.SIGKILL)
    assert gate.wait_for(2) != victim
    gate.open()
    client.wait_for(*partials)
    assert counter.value == 1030
    assert [partial._interruptions for partial in partials] == [0] * 10 + [1] + [0] * 20


def test_a_job_that_kills_its_child_takes_no_other_one_of_its_group_along(
    client: Client, gate: Gate
) -> None:
    counter = client.add("grouped", jobs.Counter())
    calls = [Partial(counter.add) for _ in range(20)]
    calls.insert(5, Partial(jobs.kill_after_arrival, gate.path))
    partials = client.manager.thread.put_many(calls, batch=True)
    client.commit()
    client.wait_for(*partials)
    assert counter.value == 20
    assert partials[5].result == "survived"
    assert [partial._interruptions for partial in partials] == [0] * 5 + [3] + [0] * 15
