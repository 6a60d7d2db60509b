"""Whatever is sent to the control socket of a real supervisor, it goes on to work."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.protocols import amp

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from zcasync.errors import StorageAway
from zcasync.instance.home import Home
from zcasync.interfaces import AbortedError
from zcasync.job.ids import id_of
from zcasync.protocol.actor import actor_name
from zcasync.protocol.control import Cancel
from zcasync.protocol.control_client import ControlClient
from zcasync.supervisor.control_protocol import CONNECTIONS
from zcasync.testing.waiting import wait_until


def works(instance: Instance, number: int) -> bool:
    """Whether a job that is put now is done at once, by the child that was there before."""
    return instance.client.wait_for(instance.client.put(jobs.echo, number)) == ((number,), {})


def send(path: Path, data: bytes) -> bytes:
    """What the supervisor answers until it hangs up, or has answered enough."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            return client.recv(10_000)
    return b""


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    os.urandom(5000),
    amp.AmpBox({b"_command": b"Cancel", b"_ask": b"1", b"oid": b"x", b"who": b"x"}).serialize(),
    amp.AmpBox({b"_command": b"Cancel", b"_ask": b"1", b"oid": b"\0" * 8}).serialize()[:-9],
    amp.AmpBox({b"_answer": b"1"}).serialize(),
    b"".join(b"\0\x04%04d\xff\xff" % number + b"x" * 65535 for number in range(40)),
]


def test_malformed_messages_stop_no_work(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=1).start()
    path = Home(instance.home).control_socket
    children, engine = instance.wait_for_children(1), instance.status()["engine"]
    for oid in (b"", b"x", b"\0" * 9, b"x" * 60_000):
        client = ControlClient(path, 10)
        with contextlib.closing(client), pytest.raises(StorageAway, match="an oid has 8 bytes"):
            client.call(Cancel, oid=oid, who="jane")
    for oid in (b"\0" * 8, b"\0" * 7 + b"\1", b"\xff" * 8):
        client = ControlClient(path, 10)
        with contextlib.closing(client):
            assert client.call(Cancel, oid=oid, who="jane")["problem"] == ""
    for data in GARBAGE:
        send(path, data)
    for number in range(3):
        assert works(instance, number)
    assert (instance.wait_for_children(1), instance.status()["engine"]) == (children, engine)
    assert instance.log.count("is dropped: ") == 3, instance.log
    assert "Traceback" not in instance.log


def test_forty_connections_stop_no_work(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(children=1).start()
    path = Home(instance.home).control_socket
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(40)]
        for client in clients:
            client.connect(str(path))
            client.settimeout(10)
        for client in clients[CONNECTIONS:]:
            assert client.recv(1) == b"", "it is closed at once"
        assert works(instance, 1)
        clients[0].close()
        wait_until(lambda: instance.status(1)["pid"] == instance.pid, "room for an operator")
    assert instance.log.count(f"more than {CONNECTIONS} connections") == 1


@contextlib.contextmanager
def full(instance: Instance) -> Iterator[None]:
    """As many connections as a supervisor hears, all of them idle."""
    path = str(Home(instance.home).control_socket)
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
        wait_until(lambda: _is_refused(path), "it to be full")
        yield


def _is_refused(path: str) -> bool:
    """Whether one more connection is closed at once."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(0.2)
        client.connect(path)
        with contextlib.suppress(TimeoutError):
            return client.recv(1) == b""
    return False


def test_a_supervisor_with_too_many_connections_is_not_said_to_be_gone(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    job = id_of(instance.client.put(jobs.pass_gate, gate.path))
    gate.wait_for()
    why = "closed the connection: it has ended, or too many are connected"
    home = ["--home", instance.home]
    with full(instance):
        done = finish(start("cancel", job, *home))
        assert done.code == 3, done.err
        assert why in done.error
        found = finish(start("status", *home, "--json")).json
        supervisor, (worker,) = found["supervisor"], found["workers"]
        assert (supervisor["running"], supervisor["pid"]) == (True, instance.pid)
        assert why in supervisor["waiting_for"]
        assert worker["verdict"] == "running"
    done = finish(start("cancel", job, *home))
    assert done.code == 0, done.err
    with full(instance):
        done = finish(start("stop", *home))  # by a signal
    assert (done.code, instance.wait()) == (0, 0), done.err


def test_who_has_cancelled_a_job_is_who_the_kernel_says(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    client = ControlClient(Home(instance.home).control_socket, 10)
    with contextlib.closing(client):
        answer = client.call(Cancel, oid=running._p_oid, who="mallory")
    name = actor_name(os.geteuid(), "mallory")
    assert answer == {"problem": "", "who": name}
    failure = instance.client.wait_for(running)
    assert failure.check(AbortedError)
    assert failure.getErrorMessage() == f"cancelled by {name}"
    assert f"{name}, process {os.getpid()}, cancels job" in instance.log


def test_who_calls_with_sudo_is_named_as_a_claim(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=1).start()
    running = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    waiting = instance.client.put(jobs.echo, 1)
    for partial in (waiting, running):  # by the command itself, and by the supervisor
        done = subprocess.run(
            [sys.executable, "-m", "zcasync.cli.main", "cancel", id_of(partial)],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "INSTANCE_HOME": str(instance.home),
                "SUDO_USER": "jane",
            },
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    name = actor_name(os.geteuid(), "jane")
    assert name.endswith(" (said to be jane)")
    for failure in instance.client.wait_for(waiting, running):
        assert failure.getErrorMessage() == f"cancelled by {name}"
