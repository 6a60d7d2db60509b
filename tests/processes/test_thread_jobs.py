"""Thread jobs: put by a client, performed in a child process, read back from the database."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import AbortedError
from zcasync.partial import Partial


def test_a_thread_job_runs_in_a_child_and_its_result_is_read_back(
    common: Instance, client: Client
) -> None:
    pid, group, in_main_thread = client.wait_for(client.put(jobs.process))
    assert pid in common.child_pids()
    assert pid not in (os.getpid(), common.pid)
    assert group == pid  # a process group of its own
    assert not in_main_thread


def test_arguments_reach_the_job_as_they_were_put(client: Client) -> None:
    partial = client.manager.thread.put(Partial(jobs.echo, 1, "two", three=[3]))
    client.commit()
    assert client.wait_for(partial) == ((1, "two"), {"three": [3]})


def test_a_builtin_and_a_bound_partial_can_be_put(client: Client) -> None:
    powers = client.manager.thread.put(Partial(pow, 2, 10))
    bound = client.manager.thread.put(Partial.bind(jobs.echo, "more"))
    client.commit()
    result, ((itself, more), _) = client.wait_for(powers, bound)
    assert (result, itself, more) == (1024, bound, "more")


def test_the_change_of_an_object_and_the_result_are_one_commit(client: Client) -> None:
    counter = client.add("one commit", jobs.Counter())
    partial = client.put(counter.add, 5)
    assert client.wait_for(partial) == 5
    assert counter.value == 5
    counter._p_activate()
    assert counter._p_serial == client.completion(partial)


def test_a_job_that_raises_keeps_none_of_its_changes(client: Client) -> None:
    counter = client.add("raises", jobs.Counter())
    failure = client.wait_for(client.put(counter.add_and_fail, 5))
    assert failure.check(ValueError)
    assert "after adding 5" in failure.getTraceback()
    assert "in add_and_fail" in failure.getTraceback()
    assert counter.value == 0


def test_a_job_that_returns_a_failure_keeps_its_changes(client: Client) -> None:
    counter = client.add("returns a failure", jobs.Counter())
    failure = client.wait_for(client.put(counter.add_and_return_failure, 5))
    assert failure.check(ValueError)
    assert counter.value == 5


def test_callbacks_run_with_the_result(client: Client) -> None:
    partial = client.manager.thread.put(Partial(jobs.echo, 1))
    doubled = partial.addCallbacks(success=jobs.double)
    client.commit()
    client.wait_for(partial, doubled)
    assert doubled.result == ((1,), {}) * 2


def test_a_job_may_commit_by_itself(client: Client) -> None:
    counter = client.add("commits", jobs.Counter())
    assert client.wait_for(client.put(counter.add_and_commit_twice)) == 111
    assert counter.value == 111


def test_jobs_that_change_the_same_object_add_up(common: Instance, client: Client) -> None:
    counter = client.add("conflicts", jobs.Counter())
    partials = [client.manager.thread.put(counter.add) for _ in range(60)]
    client.commit()
    results = client.wait_for(*partials)
    assert sorted(results) == list(range(1, 61))
    assert counter.value == 60
    assert len(common.child_pids()) == 2


def test_a_deferred_of_a_thread_job_gives_its_result(client: Client) -> None:
    assert client.wait_for(client.put(jobs.later, "fired")) == "fired"


def test_a_job_for_later_does_not_begin_early(client: Client) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=4)
    later = client.manager.thread.put(Partial(jobs.echo, "later"), begin_after=moment)
    client.commit()
    now = client.put(jobs.echo, "now")
    client.wait_for(now)
    assert later.state == "pending"
    client.wait_for(later)
    assert later.started is not None
    assert later.started >= moment
    assert now.ended is not None
    assert now.ended < moment


def test_a_job_that_is_not_begun_in_time_is_aborted(client: Client, gate: Gate) -> None:
    busy = [client.put(jobs.pass_gate, gate.path) for _ in range(2)]
    gate.wait_for(2)
    late = client.put(jobs.echo, begin_by=timedelta(milliseconds=1))
    client.wait_until(lambda: late.is_too_late, "begin_by to pass")
    gate.open()
    client.wait_for(late, *busy)
    assert late.result.check(AbortedError)
    assert "begin_by" in late.result.getErrorMessage()
    assert late.attempts == 0
