"""RetryRule, Retry and Snooze with real processes: what is counted holds whatever dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.jobs import basic
from tests.jobs import retry as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import Partial, RetryRule
from zcasync.errors import DeadlineMissed, JobCrashed, Retry

#: Four attempts in all, quickly.
QUICK = RetryRule(4, backoff=0.02, jitter=0)
#: The second attempt is far away.
HOURLY = RetryRule(4, backoff=3600, jitter=0)
QUEUES = pytest.mark.parametrize("queue", ["thread", "reactor"])


def said(instance: Instance, *command: str) -> str:
    """What a command has printed."""
    line = [sys.executable, "-m", "zcasync.cli.main", *command, "--home", str(instance.home)]
    return subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout


@QUEUES
def test_a_rule_repeats_what_it_names_and_nothing_else(
    client: Client, gate: Gate, queue: str
) -> None:
    rule = RetryRule(3, backoff=0.02, jitter=0, on="tests.jobs.retry:Full")
    named = client.put(jobs.raise_own, gate.path, queue=queue, retry=rule)
    other = client.put(jobs.fail_first, f"{gate.path}-other", 9, queue=queue, retry=rule)
    first, second = client.wait_for(named, other)

    assert (first.type_name, named.attempts) == ("tests.jobs.retry.Busy", 3)
    assert first.evidence["retry"] == "rule(attempts=3): 3 of 3, over"
    assert (second.type_name, other.attempts) == ("builtins.ValueError", 1)
    assert second.evidence["retry"] == "rule(attempts=3): not among on: ValueError, over"


def test_a_supervisor_knows_what_a_rule_names_without_importing_it(
    common: Instance, client: Client, gate: Gate
) -> None:
    """It decides about deaths by the names that are stored, and imports nothing for that."""
    rule = RetryRule(2, backoff=0.02, on=["tests.jobs.retry:Full", JobCrashed])
    partial = client.put(basic.pass_gate, gate.path, retry=rule)
    for number in (1, 2):
        os.kill(gate.wait_for(number), signal.SIGKILL)
    failure = client.wait_for(partial)

    assert failure.check(JobCrashed)
    assert (partial.interruptions, partial.exceptions) == (2, 0)
    assert failure.evidence["retry"] == "rule(attempts=2): 2 of 2, over"
    (before,) = partial.failed_before
    assert before.rule.startswith("rule(attempts=2): 1 of 2, again at ")
    common.require_no_imports()


def test_a_rule_may_end_with_the_first_death(client: Client, gate: Gate) -> None:
    partial = client.put(
        basic.pass_gate, gate.path, retry=RetryRule(not_on="zcasync.errors:JobCrashed")
    )
    os.kill(gate.wait_for(), signal.SIGKILL)
    failure = client.wait_for(partial)

    assert failure.check(JobCrashed)
    assert failure.evidence["retry"].endswith("not_on zcasync.errors.JobCrashed, over")
    assert partial.interruptions == 1


@QUEUES
@pytest.mark.parametrize("options", [{}, {"detached": True}])
def test_jobs_ask_to_be_tried_again_and_put_themselves_off(
    client: Client, gate: Gate, queue: str, options: dict[str, Any]
) -> None:
    again = client.put(jobs.ask_again, gate.path, 2, queue=queue, **options)
    off = client.put(jobs.snooze, f"{gate.path}-snooze", 3, queue=queue, **options)

    assert client.wait_for(again, off) == [3, 4]
    assert (again.attempts, again.exceptions, again.snoozes) == (3, 2, 0)
    assert (off.attempts, off.exceptions, off.snoozes) == (1, 0, 3)


def test_a_job_with_a_process_of_its_own_may_put_itself_off(client: Client, gate: Gate) -> None:
    partial = client.put(jobs.snooze, gate.path, 1, isolate=True)

    assert client.wait_for(partial, timeout=60) == 2
    assert (partial.attempts, partial.snoozes) == (1, 1)


def test_the_member_of_a_group_may_be_called_once_more_alone(client: Client, gate: Gate) -> None:
    again = client.put(jobs.ask_again, gate.path, 4, batch=True)
    off = client.put(jobs.snooze, f"{gate.path}-snooze", 4, batch=True)
    client.wait_for(again, off)

    assert (again.result, off.result) == (5, 5)
    assert again.attempts == again.exceptions + 1
    assert (off.attempts, off.exceptions) == (1, 0)
    assert 2 <= again.exceptions <= 4
    assert 2 <= off.snoozes <= 4


@QUEUES
def test_a_deferred_may_put_its_job_off(client: Client, gate: Gate, queue: str) -> None:
    partial = client.put(jobs.snooze_later, gate.path, 2, queue=queue)

    assert client.wait_for(partial) == 3
    assert (partial.attempts, partial.snoozes) == (1, 2)


def test_a_callback_is_tried_again_in_its_place(client: Client, gate: Gate) -> None:
    partial = client.manager.thread.put(Partial(basic.nothing))
    callback = Partial(jobs.ask_again_as_failure)
    callback.kwargs.update(gate=gate.path, times=2)
    partial.addCallback(callback)
    client.commit()
    client.wait_for(partial)

    assert (callback.result, callback.attempts) == (3, 3)


def test_a_supervisor_that_is_killed_while_a_job_waits_loses_no_count(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    partial = client.put(jobs.ask_again, gate.path, 1, 5.0, retry=HOURLY)
    snoozing = client.put(jobs.snooze, f"{gate.path}-snooze", 1, 5.0)
    oids = [one._p_oid for one in (partial, snoozing)]
    client.wait_until(lambda: partial.exceptions and snoozing.snoozes, "both to wait")
    instance.kill()
    client = instance.start().client
    again, off = (client.connection.get(oid) for oid in oids)
    assert client.wait_for(again, off) == [2, 2]

    assert (again.attempts, again.exceptions, again.interruptions) == (2, 1, 0)
    assert (off.attempts, off.snoozes, off.interruptions) == (1, 1, 0)


def test_the_counts_hold_whenever_the_process_dies(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    """Children and supervisors are killed while jobs fail, snooze, and are given back."""
    instance = make_instance().start()
    partials = [
        *(instance.client.put(jobs.ask_again, f"{gate.path}-{n}", 3, 0.3) for n in range(6)),
        *(instance.client.put(jobs.snooze, f"{gate.path}-s{n}", 3, 0.3) for n in range(6)),
    ]
    oids = [one._p_oid for one in partials]
    for number in (1, 2, 3):
        Gate(f"{gate.path}-0").wait_for(number)
        if number == 2:
            instance.kill()
            instance.start()
        else:
            for pid in instance.child_pids():
                os.kill(pid, signal.SIGKILL)
    client = instance.client
    found = [client.connection.get(oid) for oid in oids]
    client.wait_for(*found)

    for number, one in enumerate(found):
        calls = len(
            Gate(f"{gate.path}-{number}" if number < 6 else f"{gate.path}-s{number - 6}").arrivals()
        )
        assert one.result == calls, "the last call has succeeded"
        known = one.attempts + one.snoozes
        assert known <= calls + one.interruptions, "no call that was not made is counted"
        assert one.exceptions == 0 or number < 6
        assert one.exceptions + one.snoozes <= 3


def test_a_job_whose_time_is_over_while_it_waits_is_not_begun_again(
    client: Client, gate: Gate
) -> None:
    rule = RetryRule(5, backoff=1.0, jitter=0, within=1.5)
    blocking = [client.put(basic.pass_gate, f"{gate.path}-{number}") for number in range(8)]
    partial = client.put(jobs.fail_first, gate.path, 9, retry=rule)
    for number in range(8):
        Gate(f"{gate.path}-{number}").open()
    client.wait_for(*blocking)
    failure = client.wait_for(partial)

    assert failure.check(DeadlineMissed, ValueError)
    assert len(gate.arrivals()) <= 2
    assert "within" in (failure.evidence.get("retry") or failure.getErrorMessage())


def test_a_rescheduled_job_is_told_of_with_its_rule(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.put(jobs.fail_first, gate.path, 1, retry=HOURLY)
    client.wait_until(lambda: partial.claim is None and partial.attempts, "it to be given back")

    assert partial.begin_after > datetime.now(UTC) + timedelta(minutes=30)
    (before,) = partial.failed_before
    assert before.rule.startswith("rule(attempts=4): 1 of 4, again at ")
    shown = json.loads(said(common, "job", str(partial.id), "--json"))
    assert shown["attempts_history"][0]["rule"] == before.rule
    assert before.rule in said(common, "job", str(partial.id))
    client.manager.thread.withdraw(partial)
    client.commit()


def test_a_job_that_asks_for_ever_fails_with_its_last_wish(client: Client, gate: Gate) -> None:
    partial = client.put(jobs.ask_again, gate.path, 100, retry=QUICK)
    failure = client.wait_for(partial)

    assert failure.type is Retry
    assert failure.getErrorMessage() == "call 4 is too early"
    assert len(gate.arrivals()) == 4
