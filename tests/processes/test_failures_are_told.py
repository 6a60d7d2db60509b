"""The log of a supervisor tells every job that fails: where, after how many attempts, and why."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.jobs import retry as retry_jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.instance.home import Home
from zcasync.job.ids import hex_oid
from zcasync.partial import Partial


class Log:
    """What a supervisor has logged since the test began."""

    def __init__(self, instance: Instance) -> None:
        self._file = Home.find(str(instance.home)).log_file
        self._begin = self._file.stat().st_size

    def text(self) -> str:
        """All of it."""
        with self._file.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode()

    def lines(self, partial: Partial) -> list[str]:
        """The lines about a job, without their time; those of a traceback not among them."""
        name = f"job {hex_oid(partial._p_oid)} "
        return [line[line.index(name) :] for line in self.text().splitlines() if name in line]


@pytest.fixture
def log(common: Instance) -> Iterator[Log]:
    return Log(common)


def wait_for_line(client: Client, log: Log, partial: Partial, pattern: str) -> str:
    """The line about the job that the pattern fits, once it is there."""

    def found() -> list[str]:
        return [line for line in log.lines(partial) if re.search(pattern, line)]

    line: str = client.wait_until(found, f"a line with {pattern!r}")[0]
    return line


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_job_that_raises_has_a_line_with_its_traceback(
    client: Client, log: Log, queue: str
) -> None:
    partial = client.put(
        jobs.raise_text, f"no card on {queue}", "hunter2", queue=queue, secret=(1,)
    )
    client.wait_for(partial)
    line = wait_for_line(client, log, partial, " failed ")

    assert line.startswith(
        f"job {hex_oid(partial._p_oid)} (tests.jobs.basic.raise_text) failed after "
        f"1 attempt: ValueError: no card on {queue}"
    )
    behind = log.text().split(line)[1].splitlines()[1:]
    assert behind[0] == "\tTraceback (most recent call last):"
    assert any("in raise_text" in one for one in behind)
    assert "hunter2" not in log.text()


def test_each_of_the_jobs_that_share_a_commit_has_a_line(client: Client, log: Log) -> None:
    good = [Partial(jobs.echo, number) for number in range(20)]
    bad = [Partial(jobs.raise_text, f"number {number}") for number in range(5)]
    client.manager.thread.put_many([*good[:10], *bad, *good[10:]], batch=True)
    client.commit()
    client.wait_for(*good, *bad)

    for number, one in enumerate(bad):
        wait_for_line(client, log, one, f"failed after 1 attempt: ValueError: number {number}$")
    assert not any(log.lines(one) for one in good)


def test_a_callback_that_fails_has_a_line_with_its_job(client: Client, log: Log) -> None:
    partial = Partial(jobs.nothing)
    callback = partial.addCallback(jobs.raise_text)
    client.manager.thread.put(partial)
    client.commit()
    client.wait_for(partial)
    line = wait_for_line(client, log, callback, " failed ")
    assert f", a callback of job {hex_oid(partial._p_oid)}, failed after" in line
    assert line.endswith("ValueError: None")


@pytest.mark.parametrize(
    ("queue", "call"),
    [("thread", retry_jobs.fail_first), ("reactor", retry_jobs.fail_first_soon)],
)
def test_a_retry_has_a_line_with_its_time_before_the_job_succeeds(
    client: Client, log: Log, gate: Gate, queue: str, call: Any
) -> None:
    policy = f"{retry_jobs.__name__}:QUICK"
    partial = client.put(call, gate.path, 2, queue=queue, retry=policy)
    assert client.wait_for(partial) == 3
    when = r"\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    for number in (1, 2):
        pattern = f"failed in attempt {number} and is attempted again at {when}: ValueError: call"
        wait_for_line(client, log, partial, pattern)
    assert not any(" failed after " in line for line in log.lines(partial))


def test_a_job_whose_child_is_killed_has_a_line(
    common: Instance, client: Client, log: Log, gate: Gate
) -> None:
    partial = client.put(jobs.pass_gate, gate.path)
    os.kill(gate.wait_for(), signal.SIGKILL)
    wait_for_line(client, log, partial, "was interrupted .*will run again: .*SIGKILL")
    gate.open()
    client.wait_for(partial)
    (attempt,) = partial.failed_before
    assert attempt.worker == common.worker().UUID.bytes
    assert re.fullmatch(r"interrupted: child process \d+ was killed by SIGKILL.*", attempt.message)
    assert partial.last_failure.evidence["signal"] == "SIGKILL"


def test_a_subscriber_is_notified_in_the_child_and_harms_nothing_when_it_raises(
    common: Instance, client: Client, log: Log, gate: Gate
) -> None:
    children = common.child_pids()
    partial = client.put(jobs.raise_heard_of, gate.path)
    assert client.wait_for(partial).check(ValueError)
    assert gate.wait_for() in children
    wait_for_line(client, log, partial, "failed after 1 attempt: ValueError: heard of")
    client.wait_until(lambda: "a subscriber to JobFailed raised" in log.text(), "its exception")
    assert "LookupError: of the subscriber" in log.text()
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    assert common.child_pids() == children
