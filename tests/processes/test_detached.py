"""Detached calls: no connection while they work."""

from __future__ import annotations

import pytest

from tests.jobs import basic as jobs
from tests.jobs import progress as progress_jobs
from tests.support.gates import Gate
from tests.support.instance import Client
from zcasync.interfaces import ACTIVE
from zcasync.partial import Partial


def test_a_detached_call_has_begun_and_holds_no_connection(client: Client, gate: Gate) -> None:
    partial = client.put(progress_jobs.wait_without_connection, gate.path, detached=True)
    gate.wait_for()
    client.wait_until(lambda: partial.started, "the start to be committed")
    assert partial.state == ACTIVE
    gate.open()
    assert client.wait_for(partial) is False


def test_a_detached_reactor_job_gets_its_result(client: Client) -> None:
    partial = client.put(jobs.echo, 1, queue="reactor", detached=True)
    assert client.wait_for(partial) == ((1,), {})


def test_the_error_that_a_detached_call_raises_is_its_result(client: Client) -> None:
    failure = client.wait_for(client.put(progress_jobs.fail_without_connection, detached=True))
    assert "no luck" in failure.getErrorMessage()


def test_jobs_behind_a_detached_one_have_a_connection_again(client: Client) -> None:
    counter = client.add("behind a detached call", jobs.Counter())
    client.put(jobs.echo, detached=True)
    partial = client.put(counter.add, 2)
    assert client.wait_for(partial) == 2
    assert counter.value == 2


def test_stored_objects_cannot_be_passed_to_a_detached_call(client: Client) -> None:
    counter = client.add("for a detached call", jobs.Counter())
    queue = client.manager.thread
    with pytest.raises(ValueError, match=r"args\[0\] of a detached call"):
        queue.put(Partial(jobs.echo, [counter]), detached=True)
    with pytest.raises(ValueError, match="callable of a detached call"):
        queue.put(counter.add, detached=True)
    client.transactions.abort()
