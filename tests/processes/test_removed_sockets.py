"""Sockets that are removed under a supervisor are there again, and nobody notices much of it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import SHORT, Instance
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until


def remove_files(home: Home) -> None:
    home.zeo_socket.unlink()
    home.control_socket.unlink()


def remove_folder(home: Home) -> None:
    shutil.rmtree(home.control_socket.parent)


def put_and_wait(home: Path) -> None:
    done = finish(start("put", "math.sqrt", "--arg", "16", "--wait", "30", "--home", home))
    assert (done.code, done.out) == (0, "4.0\n"), done.err


@pytest.mark.parametrize(
    ("name", "remove"), [("home", remove_files), ("long" * 30, remove_folder)], ids=["var", "long"]
)
def test_they_come_back_and_what_runs_goes_on(
    make_instance: Callable[..., Instance],
    gate: Gate,
    name: str,
    remove: Callable[[Home], None],
) -> None:
    instance = make_instance(name=name, children=2, config=SHORT).start()
    home, client = Home(instance.home), instance.client
    before = instance.status()
    job = client.put(jobs.Counter().add_at_gate, gate.path)
    gate.wait_for(1)
    remove(home)
    # Whoever comes just now waits for the sockets.
    put_and_wait(instance.home)
    assert finish(start("status", "--home", instance.home)).code == 0
    assert instance.status()["server_pid"] == before["server_pid"], instance.log
    for path in (home.zeo_socket, home.control_socket):
        assert path.stat().st_mode & 0o777 == 0o600
    gate.open()
    client.wait_for(job)
    assert job.attempts == 1
    assert gate.arrivals() == gate.arrivals()[:1], "it was called once"
    for number in range(10):
        assert client.wait_for(client.put(jobs.echo, number)) == ((number,), {})
    assert instance.log.count("zeo.sock is gone; it is made anew") == 1
    assert instance.log.count("control.sock is gone; it is made anew") == 1
    # The new ones are looked after, too, and one stop removes them.
    home.zeo_socket.unlink()
    wait_until(home.zeo_socket.exists, "the database's socket", seen=instance.evidence)
    assert instance.stop() == 0
    assert not home.zeo_socket.exists()
    assert not home.control_socket.exists()


def test_a_server_that_cannot_listen_anew_is_started_again(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SHORT).start()
    home = Home(instance.home)
    server = instance.status()["server_pid"]
    os.kill(server, signal.SIGSTOP)  # it hears nothing
    home.zeo_socket.unlink()
    wait_until(
        lambda: instance.status()["server_pid"] not in (None, server),
        "another server",
        60,
        instance.evidence,
    )
    put_and_wait(instance.home)


def large(number: int) -> str:
    """A job whose commit needs a file."""
    return str(number) * 6_000_000


def test_the_temporary_folder_is_cleaned_away(
    make_instance: Callable[..., Instance], folder: Path
) -> None:
    temporary = folder / "tmp"
    temporary.mkdir()
    instance = make_instance(config=SHORT)
    instance.environment = {"TMPDIR": str(temporary), "XDG_RUNTIME_DIR": ""}
    instance.start()
    client = instance.client
    assert client.wait_for(client.put(large, 1)) == "1" * 6_000_000
    shutil.rmtree(temporary)
    assert client.wait_for(client.put(large, 2)) == "2" * 6_000_000
    os.kill(instance.child_pids()[0], signal.SIGKILL)
    for number in range(10):
        assert client.wait_for(client.put(jobs.echo, number)) == ((number,), {})
    assert instance.stop() == 0
