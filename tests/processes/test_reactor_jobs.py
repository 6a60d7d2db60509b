"""Reactor jobs: performed in the supervisor's own process, beside its reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import AbortedError
from zcasync.partial import Partial


def test_a_reactor_job_runs_in_the_reactor_of_the_supervisor(
    common: Instance, client: Client
) -> None:
    pid, _, in_main_thread = client.wait_for(client.put(jobs.process, queue="reactor"))
    assert pid == common.pid
    assert in_main_thread


def test_a_deferred_gives_its_result_when_it_fires(client: Client) -> None:
    assert client.wait_for(client.put(jobs.later, 7, queue="reactor")) == 7


def test_a_coroutine_gives_its_result(client: Client) -> None:
    assert client.wait_for(client.put(jobs.coroutine, 7, queue="reactor")) == 7


def test_a_reactor_job_changes_objects_in_the_commit_of_its_result(client: Client) -> None:
    counter = client.add("reactor", jobs.Counter())
    partial = client.put(counter.add, 5, queue="reactor")
    assert client.wait_for(partial) == 5
    counter._p_activate()
    assert counter._p_serial == client.completion(partial)


def test_a_reactor_job_that_raises_changes_nothing(client: Client) -> None:
    counter = client.add("reactor raises", jobs.Counter())
    failure = client.wait_for(client.put(counter.add_and_fail, 5, queue="reactor"))
    assert failure.check(ValueError)
    assert counter.value == 0


def test_reactor_jobs_and_thread_jobs_that_change_one_object_add_up(client: Client) -> None:
    counter = client.add("both", jobs.Counter())
    partials = [
        client.manager.queue(queue).put(Partial(counter.add), retry="forever")
        for queue in ("thread", "reactor")
        for _ in range(15)
    ]
    client.commit()
    assert sorted(client.wait_for(*partials)) == list(range(1, 31))


def test_jobs_that_wait_for_deferreds_leave_the_slots_to_others(
    common: Instance, client: Client, gate: Gate
) -> None:
    waiting = [client.put(jobs.deferred_gate, gate.path, queue="reactor") for _ in range(6)]
    gate.wait_for(6)  # more than the four slots
    assert client.wait_for(client.put(jobs.echo, 1, queue="reactor")) == ((1,), {})
    assert {partial.state for partial in waiting} == {"active"}
    gate.open()
    client.wait_for(*waiting)


def test_a_coroutine_that_changes_a_stored_object_after_a_wait_fails_with_the_reason(
    client: Client, gate: Gate
) -> None:
    counter = client.add("late", jobs.Counter())
    late = client.put(jobs.add_late, counter, gate.path, queue="reactor")
    gate.wait_for()
    others = [client.put(counter.add, queue="reactor") for _ in range(5)]
    client.wait_for(*others)
    gate.open()
    failure = client.wait_for(late)
    assert "zcasync.twist.Partial" in failure.getErrorMessage()
    client.wait_for(client.put(counter.add, queue="reactor"))
    assert counter.value == 6


@pytest.mark.parametrize("call", [jobs.raise_interrupt, jobs.raise_interrupt_soon])
def test_an_error_that_looks_like_an_interrupt_ends_the_job_that_raises_it(
    client: Client, gate: Gate, call: Callable[..., Any]
) -> None:
    failure = client.wait_for(client.put(call, gate.path, queue="reactor"))
    assert failure.check(AbortedError)
    assert "KeyboardInterrupt" in failure.getErrorMessage()
    assert len(gate.arrivals()) == 1
