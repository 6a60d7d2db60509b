"""zcasync cancel and release, on jobs wherever they are on their way."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from ZODB.POSException import ConflictError

from tests.jobs import basic as jobs
from tests.jobs import cancel as cancel_jobs
from tests.jobs import load as load_jobs
from tests.processes.servers import database_server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.datamanager import Worker
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.interfaces import AbortedError, JobCancelled
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until
from zcasync.workers.incarnation import Incarnation

SHARED = (
    """
<zodb>
  <zeoclient>
    server 127.0.0.1:{port}
  </zeoclient>
</zodb>
"""
    + SHORT
)


def zcasync(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *arguments, "--home", str(home)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        timeout=60,
    )


def test_a_running_job_loses_its_process_and_names_who_cancelled_it(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    running = client.put(jobs.pass_gate, gate.path)
    pid = gate.wait_for()
    child = psutil.Process(pid)
    waiting = client.put(jobs.echo, 1)
    noted = running.addCallback(load_jobs.double_message)
    client.commit()
    done = zcasync(instance.home, "cancel", id_of(running))
    assert done.returncode == 0, done.stderr
    assert is_gone(child)
    failure = client.wait_for(running)
    assert failure.type is JobCancelled
    assert failure.check(AbortedError)
    assert failure.getErrorMessage() == f"cancelled by {failure.value.who}"
    assert "in pass_gate" in "\n".join(failure.evidence["output"]), "where it was"
    assert "in pass_gate" in failure.getTraceback()
    shown = zcasync(instance.home, "job", id_of(running)).stdout
    assert shown.count("in pass_gate") == 1
    assert client.wait_for(waiting) == ((1,), {})  # in the child that replaced it
    assert waiting._interruptions == 0
    assert client.wait_for(noted) == 2 * failure.getErrorMessage()
    again = zcasync(instance.home, "cancel", id_of(running))
    assert again.returncode == 1
    assert "over already" in again.stderr


def test_a_waiting_job_never_runs(make_instance: Callable[..., Instance], gate: Gate) -> None:
    instance = make_instance(children=0).start()
    client = instance.client
    partial = client.put(jobs.pass_gate, gate.path)
    done = zcasync(instance.home, "cancel", id_of(partial), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == id_of(partial)
    assert client.wait_for(partial).check(AbortedError)
    assert len(client.manager.thread) == 0
    instance.worker().thread.size = 1
    client.commit()
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
    assert gate.arrivals() == []


def test_a_live_engine_is_not_released(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance().start()
    done = zcasync(instance.home, "release", str(instance.worker().UUID))
    assert done.returncode == 1
    assert "lives as process" in done.stderr
    instance.client.sync()
    assert instance.worker().engineUUID is not None


def test_the_ghosts_command_names_a_killed_supervisor_until_it_is_started_again(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    assert zcasync(instance.home, "ghosts").returncode == 0
    partial = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    job = id_of(partial)
    family = instance.descendants()
    instance.kill()
    found = zcasync(instance.home, "ghosts", "--json")
    assert found.returncode == 1, found.stderr
    (ghost,) = json.loads(found.stdout)["ghosts"]
    assert (ghost["verdict"], ghost["jobs"]) == ("ghost", [job])
    wait_until(lambda: all(map(is_gone, family)), "its processes to end")
    gate.open()
    instance.start()
    again = instance.client.connection.get(partial._p_oid)
    instance.client.wait_for(again)
    assert again._interruptions == 1
    assert zcasync(instance.home, "ghosts").returncode == 0


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_callbacks_of_a_job_that_waits_are_run_by_a_worker(
    common: Instance, client: Client, queue: str
) -> None:
    later = datetime.now(UTC) + timedelta(hours=5)
    client.sync()
    partial = client.manager.queue(queue).put(jobs.echo, begin_after=later)
    noted = partial.addCallback(cancel_jobs.tell_process)
    client.commit()
    done = zcasync(common.home, "cancel", id_of(partial))
    assert done.returncode == 0, done.stderr
    pid, message = client.wait_for(noted)
    assert pid in (common.child_pids() if queue == "thread" else [common.pid])
    assert "cancelled by" in message
    client.wait_for(partial)
    client.wait_until(
        lambda: len(common.worker().thread) + len(common.worker().reactor) == 0, "to be retired"
    )
    assert partial in list(common.worker().completed)


def test_a_job_that_waits_for_another_one_is_ended_and_the_other_one_is_not(
    common: Instance, client: Client, gate: Gate
) -> None:
    client.sync()
    inner = client.manager.thread.put(Partial(jobs.pass_gate, gate.path))
    outer = client.manager.thread.put(Partial(cancel_jobs.hand_on, inner))
    noted = outer.addCallback(cancel_jobs.tell_process)
    client.commit()
    client.wait_until(lambda: outer._waits_for is not None, "it to wait")
    done = zcasync(common.home, "cancel", id_of(outer))
    assert done.returncode == 0, done.stderr
    client.wait_for(outer, noted)
    assert inner.state == "active"
    gate.open()
    client.wait_for(inner)
    client.sync()
    assert outer.result.check(AbortedError)


def test_a_reactor_job_that_waits_for_a_deferred_is_ended_and_its_deferred_cancelled(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.put(cancel_jobs.wait_at_gate, gate.path, queue="reactor")
    Gate(f"{gate.path}.begun").wait_for()
    done = zcasync(common.home, "cancel", id_of(partial))
    assert done.returncode == 0, done.stderr
    Gate(f"{gate.path}.cancelled").wait_for()
    failure = client.wait_for(partial)
    assert failure.check(AbortedError)
    assert "cancelled by" in failure.getErrorMessage()
    client.wait_until(lambda: len(common.worker().reactor) == 0, "it to be retired")


@contextmanager
def other_worker(
    instance: Instance, client: Client, identity: ProcessIdentity, partial: Partial
) -> Iterator[Worker]:
    """A worker whose engine holds the partial; the supervisor of this home is frozen meanwhile."""
    instance.send(signal.SIGSTOP)  # it would bury a ghost at once
    try:
        worker = None
        while worker is None:
            with contextlib.suppress(ConflictError):  # its last commit may be on its way still
                worker = _claimed(client, identity, partial)
        yield worker
        client.sync()
        client.manager.workers.remove(worker)
        client.commit()
    finally:
        instance.send(signal.SIGCONT)


def _claimed(client: Client, identity: ProcessIdentity, partial: Partial) -> Worker:
    client.sync()
    worker = Worker(uuid.uuid4())
    client.manager.workers.add(worker)
    worker.incarnation = Incarnation(uuid.uuid4(), worker.UUID, identity)
    worker.engineUUID = worker.incarnation.engineUUID
    worker.ping.write(1000.0)
    partial.assign(worker.incarnation)
    partial._queue.drop_entry(partial)  # type: ignore[union-attr]
    worker.thread.lists(1)[0].items += (partial,)
    client.commit()
    return worker


HERE = ProcessIdentity.here()
GONE = dataclasses.replace(HERE, start_ticks=HERE.start_ticks + 1)
ELSEWHERE = dataclasses.replace(HERE, host="far", boot_id="of another machine", pid=77)


@pytest.mark.parametrize("identity", [GONE, ELSEWHERE])
def test_a_job_of_another_worker_that_cannot_run_is_cancelled(
    common: Instance, client: Client, identity: ProcessIdentity
) -> None:
    """Elsewhere there can be none: this is the only home that can reach its database."""
    later = datetime.now(UTC) + timedelta(hours=5)
    partial = client.put(jobs.echo, begin_after=later)
    with other_worker(common, client, identity, partial):
        done = zcasync(common.home, "cancel", id_of(partial), "--timeout", "4")
        client.sync()
        assert done.returncode == 0, done.stderr
        assert partial.result.check(AbortedError)


def test_a_job_in_the_hands_of_a_worker_elsewhere_is_not_cancelled_but_released(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    with database_server(folder) as port:
        instance = make_instance(config=SHARED.format(port=port)).start()
        client = instance.client
        partial = client.put(jobs.echo, begin_after=datetime.now(UTC) + timedelta(hours=5))
        with other_worker(instance, client, ELSEWHERE, partial) as worker:
            done = zcasync(instance.home, "cancel", id_of(partial), "--timeout", "4")
            assert done.returncode == 3
            assert f"worker {worker.UUID} (process 77 on far)" in done.stderr
            assert f"zcasync release {worker.UUID}" in done.stderr
            asked = ("release", str(worker.UUID), "--timeout", "4")
            released = zcasync(instance.home, *asked, "--json")
            assert json.loads(released.stdout)["jobs"] == [id_of(partial)]
            client.sync()
            assert (partial.state, partial.claim) == ("pending", None)
            assert worker.engineUUID is None
            assert worker.incarnation.end_reason == "released by an operator"
            again = zcasync(instance.home, *asked)
            assert again.returncode == 1
            assert "has no engine" in again.stderr
        instance.end()


def test_a_worker_whose_record_names_another_engine_than_the_one_that_lives_is_not_released(
    common: Instance, client: Client
) -> None:
    worker = common.worker()
    engine = worker.engineUUID
    common.send(signal.SIGSTOP)  # it would notice
    try:
        worker.engineUUID = uuid.uuid4()
        client.commit()
        done = zcasync(common.home, "release", str(worker.UUID), "--timeout", "4")
        worker.engineUUID = engine
        client.commit()
    finally:
        common.send(signal.SIGCONT)
    assert done.returncode == 1
    assert f"lives as process {common.pid}" in done.stderr


def test_a_job_that_shares_a_commit_with_others_is_stopped_alone(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    client.wait_for(client.put(jobs.nothing, batch=True))  # then several are reserved
    counter = client.add("grouped", jobs.Counter())
    calls = [Partial(counter.add) for _ in range(6)]
    calls.insert(3, Partial(jobs.pass_gate, gate.path))
    partials = client.manager.thread.put_many(calls, batch=True)
    client.commit()
    child = psutil.Process(gate.wait_for())
    job = id_of(partials[3])
    wait_until(lambda: job in [one["job"] for one in instance.status()["children"]], "it to show")
    done = zcasync(instance.home, "cancel", job)
    assert done.returncode == 0, done.stderr
    assert not child.is_running()
    client.wait_for(*partials)
    assert "cancelled by" in partials[3].result.getErrorMessage()
    assert counter.value == 6
    assert [partial._interruptions for partial in partials] == [0] * 7
