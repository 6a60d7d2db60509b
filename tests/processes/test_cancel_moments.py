"""zcasync cancel at each moment of a job's life, while the supervisor stops, too."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.jobs import basic as jobs
from tests.jobs import time_limits
from tests.processes.test_cancel import zcasync
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, stored
from zcasync.errors import JobCancelled
from zcasync.interfaces import PENDING
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.retry.stock import RetryExceptions
from zcasync.testing.waiting import wait_until

PATIENT = "<zcasync>\n  grace-period 30\n</zcasync>\n"


def test_a_job_that_is_reserved_behind_another_one(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    client = instance.client
    client.wait_for(*[client.put(jobs.nothing) for _ in range(3)])  # then several are reserved
    running = Partial(jobs.pass_gate, gate.path)
    calls = [running, *[Partial(jobs.echo, number) for number in range(4)]]
    partials = client.manager.thread.put_many(calls)
    client.commit()
    gate.wait_for()
    done = zcasync(instance.home, "cancel", id_of(partials[2]))
    assert done.returncode == 0, done.stderr
    client.sync()
    assert partials[2].result.check(JobCancelled)
    assert not partials[0].has_result
    gate.open()
    client.wait_for(*partials)
    assert [partial.attempts for partial in partials] == [1, 1, 0, 1, 1]


def test_a_job_that_waits_for_its_next_attempt(common: Instance, client: Client) -> None:
    policy = RetryExceptions(limit=3, delay=3600)
    partial = client.manager.thread.put(Partial(jobs.raise_text, "not now"), retry=policy)
    client.commit()

    def is_put_off() -> bool:
        client.sync()
        return partial.state == PENDING and partial.exceptions == 1

    wait_until(is_put_off, "it to wait for its next attempt")
    done = zcasync(common.home, "cancel", id_of(partial))
    assert done.returncode == 0, done.stderr
    assert client.wait_for(partial).check(JobCancelled)
    assert len(partial.failed_before) == 1


def test_a_call_that_its_soft_limit_could_not_end(common: Instance, client: Client) -> None:
    partial = client.manager.thread.put(time_limits.swallow_all, soft_limit=0.2, hard_limit=600)
    client.commit()
    shown = wait_until(lambda: limits_of(common), "it to run")
    assert (shown["soft"], shown["hard"]) == (0.2, 600.0)
    done = zcasync(common.home, "cancel", id_of(partial))
    assert done.returncode == 0, done.stderr
    assert client.wait_for(partial).check(JobCancelled)


def limits_of(instance: Instance) -> dict[str, float] | None:
    """The limits of the call that a child makes."""
    found = [one["limits"] for one in instance.status()["children"] if one["limits"]]
    return found[0] if found else None


def test_jobs_that_run_and_wait_while_the_supervisor_stops(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1, config=PATIENT).start()
    client = instance.client
    running = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    held = client.put(jobs.echo, 1, delay=3600)
    kept = client.put(jobs.echo, 2, delay=3600)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(instance.stop, signal.SIGTERM)
        wait_until(lambda: "stopping" in instance.log, "it to begin to stop")
        told = zcasync(instance.home, "cancel", id_of(held), id_of(running), "--timeout", "20")
        assert stopping.result(60) == 0, instance.evidence()
    assert time.monotonic() - began < 25, "it did not wait for what was cancelled"
    with stored(instance.home) as seen:
        found = [seen.connection.get(one._p_oid) for one in (running, held, kept)]
        assert found[0].result.check(JobCancelled), told
        assert found[1].result.check(JobCancelled), told
        assert found[2].state == PENDING
