"""zcasync cancel and release, on jobs wherever they are on their way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from tests import jobs, load_jobs
from tests.gates import Gate
from tests.support import ROOT, Instance
from tests.waiting import wait_until
from zcasync.ids import id_of
from zcasync.interfaces import AbortedError


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
    assert not child.is_running()
    failure = client.wait_for(running)
    assert failure.type is AbortedError
    assert "cancelled by" in failure.getErrorMessage()
    assert "in pass_gate" in "\n".join(failure.evidence["output"]), "where it was"
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


def test_ghosts_names_a_killed_supervisor_until_it_is_started_again(
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
    wait_until(lambda: not any(map(psutil.Process.is_running, family)), "its processes to end")
    gate.open()
    instance.start()
    again = instance.client.connection.get(partial._p_oid)
    instance.client.wait_for(again)
    assert again._interruptions == 1
    assert zcasync(instance.home, "ghosts").returncode == 0
