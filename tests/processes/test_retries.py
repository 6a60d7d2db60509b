"""Retry policies with real processes: begun once at most whatever dies, and put off and run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.jobs import retry as retry_jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance, stored
from zcasync.interfaces import ACTIVE, PENDING, AbortedError
from zcasync.partial import Partial

#: A situation that a stall of the machine can prevent is tried so often.
TRIES = 5


def arrivals_after(client: Client, gate: Gate) -> int:
    """How often the gate was reached once the workers had the time to do it again."""
    client.wait_for(*(client.put(jobs.nothing) for _ in range(4)))
    return len(gate.arrivals())


@pytest.mark.parametrize("detached", [False, True])
def test_a_job_under_never_whose_child_is_killed_is_not_begun_again(
    common: Instance, client: Client, gate: Gate, detached: bool
) -> None:
    partial = client.put(jobs.pass_gate, gate.path, retry="never", detached=detached)
    victim = gate.wait_for()
    client.wait_until(lambda: partial.started, "the start to be committed")
    os.kill(victim, signal.SIGKILL)
    failure = client.wait_for(partial)

    assert failure.check(AbortedError)
    assert "'never' lets it begin only once" in failure.getErrorMessage()
    assert failure.evidence["signal"] == "SIGKILL"
    assert (partial.attempts, partial._interruptions) == (1, 1)
    assert arrivals_after(client, gate) == 1


def test_jobs_under_never_behind_one_that_ends_its_process_run_once(
    client: Client, gate: Gate
) -> None:
    client.wait_for(*(client.put(jobs.nothing) for _ in range(20)))  # so that jobs are reserved
    fatal = client.manager.thread.put(Partial(jobs.exit_in_first_process, gate.path, 3))
    traces = Gate(f"{gate.path}-traces")
    behind = client.manager.thread.put_many(
        [Partial(jobs.arrive, traces.path, number) for number in range(20)], retry="never"
    )
    client.commit()

    assert client.wait_for(fatal) == "second time"
    assert client.wait_for(*behind) == list(range(20))
    assert len(traces.arrivals()) == 20
    assert {partial._interruptions for partial in behind} == {0}
    assert {partial.attempts for partial in behind} == {1}


@dataclass
class Line:
    """Jobs in the order in which they were put; the first one stops at the gate."""

    gate: Gate
    traces: Gate
    busy: Partial
    reserved: Partial
    never: Partial
    behind: Partial

    @classmethod
    def put(cls, client: Client, path: str) -> Line:
        """Put them in one commit, and wait until the first one runs."""
        gate, traces = Gate(path), Gate(f"{path}-traces")
        thread = client.manager.thread
        line = cls(
            gate,
            traces,
            busy=thread.put(Partial(jobs.pass_gate, gate.path)),
            reserved=thread.put(jobs.nothing),
            never=thread.put(Partial(jobs.arrive, traces.path, 1), retry="never"),
            behind=thread.put(jobs.nothing),
        )
        client.commit()
        gate.wait_for()
        client.sync()
        return line

    def finish(self, client: Client) -> None:
        """Let them all end."""
        self.gate.open()
        client.wait_for(self.busy, self.reserved, self.never, self.behind)


def line_with_a_reserved_job(client: Client, path: str) -> Line:
    """Jobs are reserved where they are short; a stall of the machine makes them look long."""
    for number in range(TRIES):
        client.wait_for(*client.put_many(jobs.nothing, 200))
        line = Line.put(client, f"{path}-{number}")
        if line.reserved.state == ACTIVE:
            return line
        line.finish(client)
    raise AssertionError(f"no job was reserved in {TRIES} tries")


def test_a_job_under_never_is_prefetched_for_no_child_that_has_a_job(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    line = line_with_a_reserved_job(client, gate.path)
    never = line.never
    assert line.busy.state == ACTIVE
    assert [one.state for one in (never, line.behind)] == [PENDING, PENDING]
    os.kill(line.gate.wait_for(), signal.SIGKILL)
    line.gate.wait_for(2)
    client.sync()
    assert (never.state, never.claim) == (PENDING, None), "no engine has ever claimed it"
    line.finish(client)
    assert (never.attempts, never._interruptions, len(line.traces.arrivals())) == (1, 0, 1)


def test_a_job_under_never_is_not_begun_again_when_its_supervisor_was_killed(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    partial = instance.client.put(jobs.pass_gate, gate.path, retry="never")
    reactor_partial = instance.client.put(
        jobs.deferred_gate, f"{gate.path}-reactor", queue="reactor", retry="never"
    )
    gate.wait_for()
    Gate(f"{gate.path}-reactor").wait_for()
    killed = instance.pid
    instance.kill()
    client = instance.start().client
    again = [client.connection.get(one._p_oid) for one in (partial, reactor_partial)]

    for failure in client.wait_for(*again):
        assert failure.check(AbortedError)
        said = f"the supervisor, process {killed}, is gone, and its children with it"
        assert said in failure.getErrorMessage()
    assert arrivals_after(client, gate) == 1
    assert len(Gate(f"{gate.path}-reactor").arrivals()) == 1


def test_a_job_under_never_that_outlasts_a_graceful_stop_is_over(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    config = "<zcasync>\n  grace-period 1\n</zcasync>\n"
    instance = make_instance(config=config).start()
    partial = instance.client.put(jobs.pass_gate, gate.path, retry="never")
    gate.wait_for()
    oid = partial._p_oid
    assert instance.stop() == 0

    with stored(instance.home) as client:
        found = client.connection.get(oid)
        assert found.result.check(AbortedError)
        assert found.attempts == 1


@pytest.mark.parametrize("call", [retry_jobs.fail_first, retry_jobs.fail_first_soon])
@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_job_under_exceptions_is_tried_again_until_it_goes_well(
    client: Client, gate: Gate, call: Any, queue: str
) -> None:
    partial = client.put(call, gate.path, 3, queue=queue, retry="tests.jobs.retry:QUICK")

    assert client.wait_for(partial) == 4
    assert (partial.attempts, partial._exceptions, partial._interruptions) == (4, 3, 0)


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_deferred_that_fails_is_tried_again(client: Client, gate: Gate, queue: str) -> None:
    partial = client.put(
        retry_jobs.fail_first_later, gate.path, 2, queue=queue, retry="tests.jobs.retry:QUICK"
    )

    assert client.wait_for(partial) == 3
    assert partial._exceptions == 2


def test_the_last_exception_is_the_result(client: Client, gate: Gate) -> None:
    partial = client.put(retry_jobs.fail_first, gate.path, 100, retry="tests.jobs.retry:QUICK")
    failure = client.wait_for(partial)

    assert failure.type is ValueError
    assert failure.getErrorMessage() == "call 4 fails"
    assert len(gate.arrivals()) == 4


def test_a_callback_is_tried_again_in_its_place(client: Client, gate: Gate) -> None:
    partial = client.manager.thread.put(Partial(jobs.nothing))
    callback = Partial(retry_jobs.fail_callback)
    callback.kwargs["gate"] = gate.path
    partial.addCallback(callback, retry="tests.jobs.retry:QUICK")
    client.commit()
    client.wait_for(partial)

    assert (callback.result, callback.attempts) == (3, 3)


def test_a_rescheduled_job_holds_no_worker_and_no_claim(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.put(retry_jobs.fail_first, gate.path, 1, retry="tests.jobs.retry:HOURLY")
    client.wait_until(lambda: partial.claim is None and partial.attempts, "it to be given back")

    assert (partial.state, partial._exceptions, partial.started) == (PENDING, 1, None)
    assert partial.begin_after > datetime.now(UTC) + timedelta(minutes=30)
    client.wait_until(lambda: len(common.worker().thread) == 0, "no claim to be left")
    client.manager.thread.withdraw(partial)
    client.commit()


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_callback_that_returns_a_deferred_is_called_once(
    client: Client, gate: Gate, queue: str
) -> None:
    partial = client.manager.queue(queue).put(Partial(jobs.echo, 1))
    callback = partial.addCallback(Partial(retry_jobs.wait_at_gate))
    either = partial.addCallbacks(Partial(retry_jobs.double_later))
    callback.kwargs["gate"] = gate.path
    client.commit()
    gate.wait_for()
    gate.open()
    client.wait_for(partial, callback, either)

    assert callback.result == "open"
    assert either.result == ((1,), {}) * 2
    assert len(gate.arrivals()) == 1
