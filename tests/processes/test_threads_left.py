"""Threads that jobs leave are named when their child is to end; they hold it up a limited time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.jobs import afterwards
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Instance
from zcasync.supervisor.children.health import LEAVE_SECONDS
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

MAX_JOBS = """
<zcasync>
  grace-period 5
  max-jobs 3
</zcasync>
"""
MAX_AGE = """
<zcasync>
  grace-period 5
  max-age 3
</zcasync>
"""


def wait_for_end(instance: Instance, pid: int) -> None:
    wait_until(lambda: is_gone(pid), "the child's end", 60, instance.evidence)


@pytest.mark.parametrize("config", [MAX_JOBS, MAX_AGE], ids=["max-jobs", "max-age"])
def test_a_child_that_is_replaced_names_the_threads_that_keep_it_and_is_killed(
    make_instance: Callable[..., Instance], gate: Gate, config: str
) -> None:
    instance = make_instance(config=config).start()
    client = instance.client
    names = ("reader", "writer", "daemon-ticker")
    client.wait_for(client.put(afterwards.leave_threads, gate.path, *names))
    pid = gate.wait_for(3)
    client.wait_for(*client.put_many(jobs.nothing, 10))
    wait_for_end(instance, pid)
    wait_until(lambda: "is killed: it has not ended" in instance.log, "the reason in the log")
    [killed] = [line for line in instance.log.splitlines() if "is killed: it has not" in line]
    assert f"within {LEAVE_SECONDS:g} s after its last job; its jobs have left 2 threads" in killed
    assert "that are no daemons: reader (" in killed
    assert " in wait_until), writer (" in killed
    assert "daemon-ticker" not in killed
    assert "ends; its jobs have left a daemon thread: daemon-ticker (" in instance.log
    assert client.wait_for(*client.put_many(jobs.nothing, 10)) == [None] * 10


def test_a_child_with_daemons_only_ends_at_once_and_names_them(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config=MAX_JOBS).start()
    client = instance.client
    client.wait_for(client.put(afterwards.leave_threads, gate.path, "daemon-a", "daemon-b"))
    pid = gate.wait_for(2)
    client.wait_for(*client.put_many(jobs.nothing, 4))
    wait_for_end(instance, pid)
    assert "ends; its jobs have left 2 daemon threads: daemon-a (" in instance.log
    assert "is killed" not in instance.log


def test_a_stop_names_the_threads_that_hold_it_up(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config=MAX_JOBS).start()
    client = instance.client
    client.wait_for(client.put(afterwards.leave_threads, gate.path, "reader"))
    gate.wait_for()
    assert instance.stop() == 0
    assert (
        "grace period of 5 s is over; its jobs have left a thread that is no daemon: reader ("
        in (instance.log)
    )


def test_idle_threads_of_pools_are_not_named(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(config=MAX_JOBS).start()
    client = instance.client
    pid = client.wait_for(client.put(afterwards.use_pools))
    client.wait_for(*client.put_many(jobs.nothing, 4))
    wait_for_end(instance, pid)
    assert "its jobs have left" not in instance.log
