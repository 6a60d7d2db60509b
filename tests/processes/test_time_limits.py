"""Calls that run for longer than they may: told to end, and killed, with real children."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from BTrees.OOBTree import OOBTree
from persistent.mapping import PersistentMapping

from tests.jobs import time_limits as jobs
from tests.processes.test_cancel import zcasync
from tests.support.instance import Client, Instance
from zcasync.errors import HardTimeLimit, SoftTimeLimit
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.retry.stock import RetryExceptions
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: A call that ends at its limit takes no longer, seconds: ten times what it should.
LONGEST = 60.0
LIMITS = {"soft_limit": 0.5, "hard_limit": 1.5}


def put(client: Client, call: Any, *args: Any, **options: Any) -> Any:
    partial = client.manager.thread.put(Partial(call, *args), **options)
    client.commit()
    return partial


@pytest.mark.parametrize(
    "call",
    [
        jobs.hold_interpreter,
        jobs.wait_in_c,
        jobs.wait_for_own_lock,
        jobs.swallow,
        jobs.swallow_all,
        jobs.stop_itself,
        jobs.swallow_without_output,
    ],
)
def test_what_cannot_be_told_is_killed_and_the_next_job_runs(
    common: Instance, client: Client, call: Callable[[], None]
) -> None:
    began = time.monotonic()
    partial = put(client, call, **LIMITS)
    behind = [put(client, jobs.be_quick, number) for number in range(3)]

    failure = client.wait_for(partial, timeout=LONGEST)
    assert failure.check(HardTimeLimit), failure.getTraceback()
    assert time.monotonic() - began < LONGEST
    limits = failure.evidence["limits"]
    assert (limits["soft"], limits["hard"]) == (0.5, 1.5)
    assert limits["killed"] >= 1.5
    assert "soft_limit" in failure.getErrorMessage()
    stack = "\n".join(failure.evidence["output"])
    if call is not jobs.stop_itself:
        assert "in swallow_all" in stack or f"in {call.__name__}" in stack, "where it was"
        assert "time_limits.py" in limits["hung_in"]
    assert (partial.exceptions, partial.interruptions) == (1, 0)
    assert [client.wait_for(one) for one in behind] == [0, 1, 2]
    assert all(one.interruptions == 0 for one in behind)


def test_a_call_in_python_is_told_and_its_failure_says_where(client: Client) -> None:
    partial = put(client, jobs.spin, soft_limit=0.3)
    failure = client.wait_for(partial, timeout=LONGEST)
    assert failure.check(SoftTimeLimit)
    assert "soft_limit of 0.3 s" in failure.getErrorMessage()
    assert "in spin" in failure.getTraceback()
    assert partial.interruptions == 0


def test_a_call_that_is_told_can_end_well(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "note"
    partial = put(client, jobs.tidy_up, str(note), soft_limit=0.3, hard_limit=30)
    assert client.wait_for(partial, timeout=LONGEST).startswith("ended: the call has run")
    assert note.read_text() == "in order"


def test_processes_that_a_call_has_started_end_with_it(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    partial = put(client, jobs.start_stubborn, str(note), hard_limit=1.5)
    wait_until(lambda: note.exists() and note.read_text() != "", "the process to be there")
    stubborn = psutil.Process(int(note.read_text()))
    assert client.wait_for(partial, timeout=LONGEST).check(HardTimeLimit)
    wait_until(lambda: is_gone(stubborn), "it to be gone")


def test_a_call_can_ask_for_its_deadline(client: Client) -> None:
    before = datetime.now(UTC)
    partial = put(client, jobs.ask_until_told, soft_limit=timedelta(seconds=0.5))
    first, deadline = client.wait_for(partial, timeout=LONGEST)
    assert not first
    assert timedelta(seconds=0.5) <= deadline - before < timedelta(seconds=LONGEST)
    assert (partial.cancelled, partial.deadline) == (False, None), "it does not run here"
    assert partial.soft_limit == timedelta(seconds=0.5)


def test_a_commit_on_the_way_is_not_torn(client: Client) -> None:
    root = client.connection.root()
    root["commits"] = PersistentMapping()
    partial = put(client, jobs.commit_all_the_time, root["commits"], soft_limit=1)
    behind = put(client, jobs.be_quick, "next")
    assert client.wait_for(partial, timeout=LONGEST).check(SoftTimeLimit)
    assert client.wait_for(behind, timeout=LONGEST) == "next"
    client.sync()
    assert root["commits"]["ticks"] > 1


def test_a_call_that_loads_all_the_time_is_told_between_two(client: Client) -> None:
    root = client.connection.root()
    root["tree"] = OOBTree({number: PersistentMapping(name=number) for number in range(50)})
    partial = put(client, jobs.load_all_the_time, root["tree"], soft_limit=1)
    assert client.wait_for(partial, timeout=LONGEST).check(SoftTimeLimit)


def test_a_policy_that_repeats_exceptions_repeats_what_hung(client: Client, tmp_path: Path) -> None:
    policy = RetryExceptions(limit=2, delay=0)
    partial = put(client, jobs.hang_once, str(tmp_path / "n"), hard_limit=1.5, retry=policy)
    assert client.wait_for(partial, timeout=LONGEST) == "done"
    assert (partial.attempts, partial.exceptions, partial.interruptions) == (2, 1, 0)
    (failed,) = partial.failed_before
    assert failed.type == "zcasync.errors.HardTimeLimit"


def test_a_policy_of_the_application_is_asked_as_for_an_exception(
    client: Client, tmp_path: Path
) -> None:
    path = str(tmp_path / "n")
    partial = put(client, jobs.hang_once, path, hard_limit=1.5, retry=jobs.ONCE_AGAIN)
    assert client.wait_for(partial, timeout=LONGEST) == "done"
    assert (partial.attempts, partial.exceptions) == (2, 1)


def test_a_callback_has_the_limits_of_its_job(client: Client) -> None:
    partial = client.manager.thread.put(Partial(jobs.be_quick, 7), hard_limit=1.5)
    callback = partial.addCallback(jobs.hang_after)
    client.commit()
    assert client.wait_for(partial, timeout=LONGEST) == 7
    assert client.wait_for(callback, timeout=LONGEST).check(HardTimeLimit)
    assert callback.exceptions == 1


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_deferred_is_cancelled_at_the_soft_limit(client: Client, queue: str) -> None:
    partial = client.manager.queue(queue).put(jobs.return_deferred, soft_limit=0.3)
    client.commit()
    failure = client.wait_for(partial, timeout=LONGEST)
    assert failure.check(SoftTimeLimit), failure.getTraceback()


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_deferred_that_does_not_end_is_given_up(client: Client, queue: str) -> None:
    partial = client.manager.queue(queue).put(jobs.return_stubborn_deferred, **LIMITS)
    client.commit()
    failure = client.wait_for(partial, timeout=LONGEST)
    assert failure.check(HardTimeLimit), failure.getTraceback()
    assert "hard_limit of 1.5 s" in failure.getErrorMessage()


def test_a_coroutine_in_the_reactor_can_end_well(client: Client) -> None:
    partial = client.manager.reactor.put(jobs.tidy_up_async, soft_limit=0.3, hard_limit=30)
    client.commit()
    assert client.wait_for(partial, timeout=LONGEST) == "in order"


@pytest.mark.parametrize("options", [{"detached": True}, {"isolate": True}])
def test_other_ways_to_make_a_call_keep_to_the_limits(
    client: Client, options: dict[str, bool]
) -> None:
    hung = put(client, jobs.swallow, **options, **LIMITS)
    told = put(client, jobs.spin, soft_limit=0.3, **options)
    assert client.wait_for(hung, timeout=LONGEST).check(HardTimeLimit)
    assert client.wait_for(told, timeout=LONGEST).check(SoftTimeLimit)


def test_a_batch_has_no_member_with_limits(client: Client) -> None:
    partial = put(client, jobs.swallow, batch=True, **LIMITS)
    others = [put(client, jobs.be_quick, number, batch=True) for number in range(5)]
    assert client.wait_for(partial, timeout=LONGEST).check(HardTimeLimit)
    assert [client.wait_for(one, timeout=LONGEST) for one in others] == [0, 1, 2, 3, 4]
    assert all(one.attempts == 1 for one in others)


def test_what_was_prefetched_behind_a_hung_call_loses_no_attempt(client: Client) -> None:
    hung, *behind = client.manager.thread.put_many(
        [Partial(jobs.swallow), *[Partial(jobs.be_quick, one) for one in "abc"]],
        retry="never",
        hard_limit=1.5,
    )
    client.commit()
    assert client.wait_for(hung, timeout=LONGEST).check(HardTimeLimit)
    assert [client.wait_for(one, timeout=LONGEST) for one in behind] == ["a", "b", "c"]
    assert {one.attempts for one in behind} == {1}


def has_passed(instance: Instance, number: int) -> bool:
    return instance.log.count("ran past its hard_limit") >= number


def are_gone(processes: list[psutil.Process]) -> bool:
    return all(map(is_gone, processes))


def test_a_supervisor_that_is_killed_between_limit_and_kill_leaves_a_job_that_runs_again(
    make_instance: Callable[..., Instance], tmp_path: Path
) -> None:
    instance = make_instance(children=1).start()
    for number in range(1, 6):
        note = tmp_path / f"note {number}"
        oid = put(instance.client, jobs.hang_deaf_once, str(note), hard_limit=1)._p_oid
        wait_until(note.exists, "the call to hang")
        family = instance.descendants()
        wait_until(partial(has_passed, instance, number), "its limit to pass")
        instance.kill()
        wait_until(partial(are_gone, family), "its processes to end")
        client = instance.start().client
        again = client.connection.get(oid)
        if client.wait_for(again, timeout=LONGEST) == "done":
            break  # else a busy machine was later than the supervisor
    assert again.result == "done"
    assert again.interruptions == 1


def test_the_defaults_of_the_configuration_hold_for_calls_without_limits(
    make_instance: Callable[..., Instance],
) -> None:
    config = "<zcasync>\n  soft-limit 0.5\n  hard-limit 1.5\n</zcasync>\n"
    client = make_instance(config=config).start().client
    spins, hangs = put(client, jobs.spin), put(client, jobs.swallow)
    deferred = client.manager.reactor.put(jobs.return_deferred)
    longer = put(client, jobs.tidy_up_slowly, 2.5, soft_limit=30, hard_limit=60)
    client.commit()
    assert client.wait_for(spins, timeout=LONGEST).check(SoftTimeLimit)
    assert client.wait_for(hangs, timeout=LONGEST).check(HardTimeLimit)
    assert client.wait_for(deferred, timeout=LONGEST).check(SoftTimeLimit)
    assert client.wait_for(longer, timeout=LONGEST) == "done"


@pytest.mark.parametrize("call", [jobs.spin_in_steps, jobs.wait_in_steps])
def test_a_coroutine_of_a_thread_job_is_told(client: Client, call: Any) -> None:
    partial = put(client, call, soft_limit=0.3)
    behind = put(client, jobs.be_quick, "next")
    failure = client.wait_for(partial, timeout=LONGEST)
    assert failure.check(SoftTimeLimit), failure.getTraceback()
    assert client.wait_for(behind, timeout=LONGEST) == "next"


def test_people_see_the_limits_and_what_is_left(common: Instance, client: Client) -> None:
    partial = put(client, jobs.swallow_all, hard_limit=600, soft_limit=timedelta(seconds=0.2))
    waiting = client.manager.thread.put(jobs.spin, delay=3600, hard_limit=60)
    client.commit()
    job, shown = id_of(partial), ""

    def has_passed() -> bool:
        nonlocal shown
        shown = zcasync(common.home, "job", job).stdout
        return "soft_limit 200 ms, has passed; hard_limit 10 min, " in shown

    wait_until(has_passed, "the limits to show", seen=lambda: shown)
    assert "has passed; hard_limit 10 min, " in zcasync(common.home, "status").stdout
    told = json.loads(zcasync(common.home, "job", job, "--json").stdout)
    assert (told["soft_limit_seconds"], told["hard_limit_seconds"]) == (0.2, 600.0)
    assert told["limits"]["hard"] == 600.0
    assert "hard_limit 60 s" in zcasync(common.home, "job", id_of(waiting)).stdout
    assert zcasync(common.home, "cancel", job, id_of(waiting)).returncode == 0


def test_a_call_that_blocks_the_reactor_is_named_in_the_log(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=0).start()
    client = instance.client
    partial = client.manager.reactor.put(Partial(jobs.tidy_up_slowly, 1.0), hard_limit=0.3)
    client.commit()
    assert client.wait_for(partial, timeout=LONGEST) == "done"
    wait_until(lambda: "could not be stopped: has it blocked the reactor?" in instance.log)


def test_the_command_line_puts_calls_with_limits(common: Instance, client: Client) -> None:
    spin = "tests.jobs.time_limits.spin"
    done = zcasync(common.home, "put", spin, "--soft-limit", "0.3", "--wait", "60")
    assert (done.returncode, "SoftTimeLimit" in done.stderr) == (1, True)
    wrong = zcasync(common.home, "put", spin, "--soft-limit", "5", "--hard-limit", "5")
    assert wrong.returncode == 2
    assert "--soft-limit 5 must be less than --hard-limit 5" in wrong.stderr
