"""Workers of containers with fresh names: their records go, what they have completed stays."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Result, command
from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.processes.test_containers import Contained, needs_containers
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.datamanager import Worker
from zcasync.job.ids import id_of
from zcasync.testing.waiting import wait_until

EPHEMERAL = SHORT.replace("<zcasync>", "<zcasync>\n  ephemeral true\n  ping-interval 2")
TEN = 10


@pytest.fixture
def config(folder: Path) -> Iterator[str]:
    """Of homes on one server."""
    with database_server(folder) as port:
        yield AT_SERVER.format(port=port)


@pytest.fixture
def make(config: str, folder: Path) -> Iterator[Callable[..., Instance]]:
    """Makes an instance with a fresh name, as a container has it."""
    made: list[Instance] = []

    def make(kind: type[Instance] = Instance, more: str = EPHEMERAL) -> Instance:
        made.append(kind(folder / f"home{len(made)}", config=config + more))
        return made[-1]

    yield make
    for one in made:
        one.end()


def ten_jobs(instance: Instance) -> list[str]:
    """Have ten jobs in a row performed; their ids."""
    client = instance.client
    found = []
    for _ in range(TEN):
        partial = client.put(jobs.nothing)
        client.wait_for(partial)
        found.append(id_of(partial))
    return found


def record(client: Client, name: uuid.UUID) -> Worker | None:
    client.sync()
    found: Worker | None = client.manager.workers.get(name)
    return found


def listed(home: Path) -> set[str]:
    """The ids of the completed jobs, and that nothing is wrong in the database."""
    found = command("jobs", "--state", "completed", "--limit", 10_000, "--home", home, "--json")
    audit = command("check", "--deep", "--home", home)
    assert audit.code == 0, audit
    return {one["id"] for one in json.loads(found.out)["jobs"]}


def status(home: Path) -> Any:
    return json.loads(command("status", "--home", home, "--json").out)


def test_a_clean_stop_removes_the_record_and_keeps_the_jobs(make: Any) -> None:
    fresh = make().start()
    name = fresh.worker().UUID
    done = ten_jobs(fresh)
    watcher = make(more=SHORT).start()
    assert {one["uuid"]: one["ephemeral"] for one in status(watcher.home)["workers"]} == {
        str(name): True,
        str(watcher.worker().UUID): False,
    }
    assert fresh.stop() == 0
    assert record(watcher.client, name) is None
    assert set(done) <= listed(watcher.home)
    assert status(watcher.home)["former_workers"]["completed"] >= TEN
    assert status(fresh.home)["former_workers"]["completed"] >= TEN, "by its own home, too"
    ten_jobs(watcher)

    assert ten_jobs(fresh.start())
    assert name == fresh.worker().UUID, "the home begins with a new record"
    assert fresh.stop(signal.SIGINT) == 0
    assert record(watcher.client, name) is None


def test_one_that_is_killed_is_removed_by_another(make: Any, gate: Gate) -> None:
    fresh = make().start()
    name = fresh.worker().UUID
    done = ten_jobs(fresh)
    running = fresh.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    oid = running._p_oid
    fresh.kill()
    watcher = make(more=SHORT).start()
    client = watcher.client
    wait_until(lambda: record(client, name) is None, "the record to go", seen=watcher.evidence)
    assert f"worker {name} was ephemeral: its record is removed" in watcher.log
    gate.open()
    taken_over = client.connection.get(oid)
    client.wait_for(taken_over)
    assert taken_over._interruptions == 1
    assert {*done, id_of(taken_over)} <= listed(watcher.home)
    ten_jobs(watcher)


def test_one_that_dies_alone_is_removed_by_the_next(make: Any) -> None:
    for _ in range(3):
        fresh = make().start()
        ten_jobs(fresh)
        fresh.kill()
    last = make().start()
    own = last.worker().UUID
    wait_until(
        lambda: (
            [one["uuid"] for one in status(last.home)["workers"] if one["ephemeral"]] == [str(own)]
        ),
        "the others to go",
        seen=last.evidence,
    )
    assert len(listed(last.home)) == 3 * TEN
    assert last.stop() == 0
    assert not [one for one in status(last.home)["workers"] if one["ephemeral"]]


@contextmanager
def on_a_terminal(command: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command with a terminal of its own, and what types there."""
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(terminal)
        try:
            yield process, keyboard
        finally:
            process.kill()
            os.close(keyboard)


def test_on_a_terminal_with_the_option(make: Any) -> None:
    instance = make(more=SHORT)
    with on_a_terminal([*instance.command, "--ephemeral"]) as (process, keyboard):
        wait_until(lambda: "zcasync ready" in instance.log, "a child", seen=lambda: instance.log)
        name = instance.worker().UUID
        assert instance.worker().ephemeral
        ten_jobs(instance)
        instance.close_client()
        os.write(keyboard, b"\x03")
        assert process.wait(30) == 0
    assert str(name) not in [one["uuid"] for one in status(instance.home)["workers"]]
    instance.start()
    assert not instance.worker().ephemeral, "as it was started this time"
    assert instance.stop() == 0
    assert str(name) in [one["uuid"] for one in status(instance.home)["workers"]]


@needs_containers
def test_in_a_container(make: Any) -> None:
    inside = make(Contained).start()
    name = inside.worker().UUID
    done = ten_jobs(inside)
    assert inside.stop() == 0
    after = status(inside.home)
    assert str(name) not in [one["uuid"] for one in after["workers"]]
    assert set(done) <= listed(inside.home)


def test_one_that_holds_a_job_stays_until_that_is_taken_over(make: Any, gate: Gate) -> None:
    """The grace period is too short for its job."""
    config = EPHEMERAL.replace("grace-period 5", "grace-period 0.1")
    watcher, fresh = make(more=SHORT), make(more=config).start()
    name = fresh.worker().UUID
    running = fresh.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    oid = running._p_oid
    assert fresh.stop() == 0
    client = watcher.start().client
    wait_until(lambda: record(client, name) is None, "the record to go", seen=watcher.evidence)
    gate.open()
    client.wait_for(client.connection.get(oid))
    ten_jobs(watcher)


# zcasync forget


def forget(home: Path, name: object, *more: object) -> Result:
    return command("forget", name, "--home", home, *more)


def test_a_worker_is_forgotten_for_good(make: Any) -> None:
    gone = make(more=SHORT).start()
    name = gone.worker().UUID
    done = ten_jobs(gone)
    watcher = make(more=SHORT).start()
    alive = forget(watcher.home, name)
    assert alive.code == 1
    assert f"of worker {name} lives as process {gone.pid}" in alive.error
    assert gone.stop() == 0
    found = forget(watcher.home, str(name)[:13], "--json")
    assert (found.code, json.loads(found.out)) == (
        0,
        {"worker": str(name), "engine": None, "completed": TEN},
    )
    assert record(watcher.client, name) is None
    assert set(done) <= listed(watcher.home)
    assert forget(watcher.home, name).code == 1, "it is not there any more"
    ten_jobs(watcher)

    gone.start()
    assert name == gone.worker().UUID
    assert len(gone.worker().completed) == 0
    ten_jobs(gone)


def test_a_ghost_is_forgotten_once_it_holds_nothing(make: Any, gate: Gate) -> None:
    dead, watcher = make(more=SHORT).start(), make(more=SHORT)
    name = dead.worker().UUID
    running = dead.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    oid = running._p_oid
    dead.kill()
    refused = forget(dead.home, name)
    assert refused.code == 1
    assert f"worker {name} still holds 1 job" in refused.error
    assert f"zcasync release {name}" in refused.error
    assert command("release", name, "--home", dead.home).code == 0
    assert forget(dead.home, name).code == 0
    assert str(name) not in [one["uuid"] for one in status(dead.home)["workers"]]
    gate.open()
    client = watcher.start().client
    client.wait_for(client.connection.get(oid))
    ten_jobs(watcher)


def test_a_ghost_with_nothing_in_hand_is_buried_as_it_is_forgotten(make: Any) -> None:
    dead = make(more=SHORT).start()
    name = dead.worker().UUID
    done = ten_jobs(dead)
    dead.kill()
    found = forget(dead.home, name)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith(f"worker {name} is forgotten; its 10 completed jobs stay")
    assert set(done) <= listed(dead.home)
    ten_jobs(dead.start())


@pytest.mark.parametrize(("word", "code"), [("no uuid", 2), (uuid.UUID(int=5), 1)])
def test_what_is_no_worker_cannot_be_forgotten(make: Any, word: object, code: int) -> None:
    instance = make(more=SHORT).start()
    refused = forget(instance.home, word)
    assert refused.code == code
    assert str(word) in refused.error
