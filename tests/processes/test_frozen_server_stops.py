"""A stop ends in time beside a database server that is frozen, at whatever stage that happens."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from zcasync.supervisor.stop_deadline import AFTER_GRACE_SECONDS
from zcasync.testing.waiting import wait_until

GRACE = 1.0
SETTINGS = f"""
<zcasync>
  grace-period {GRACE}
  poll-seconds 1
  spare false
</zcasync>
"""
IN_TIME = 3 * (GRACE + AFTER_GRACE_SECONDS)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A database server that belongs to no supervisor."""
    made = Server(folder, [ROOT], module="zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def at_server(make_instance: Callable[..., Instance], server: Server) -> Instance:
    """A supervisor whose database is there."""
    return make_instance(config=AT_SERVER.format(port=server.port) + SETTINGS)


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """It answers nothing meanwhile, and its connections stay."""
    server.send(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send(signal.SIGCONT)


def stops_in_time(instance: Instance) -> None:
    """It ends, and says that in the log."""
    began = time.monotonic()
    instance.send(signal.SIGTERM)
    assert instance.wait(IN_TIME) == 0, instance.evidence()
    assert time.monotonic() - began < IN_TIME
    assert "Traceback" not in instance.output


def works(instance: Instance) -> None:
    """It does ten jobs in a row, and stops."""
    instance.start()
    for _ in range(10):
        instance.client.wait_for(instance.client.put(jobs.nothing))
    assert instance.stop() == 0


def test_before_the_first_pass(at_server: Instance, server: Server) -> None:
    with frozen(server):
        at_server.launch()
        wait_until(
            lambda: "supervisor of" in at_server.log, "the start to begin", seen=at_server.evidence
        )
        stops_in_time(at_server)
    works(at_server)


def test_when_it_is_idle_and_when_its_databases_close(at_server: Instance, server: Server) -> None:
    at_server.start()
    at_server.close_client()
    with frozen(server):
        stops_in_time(at_server)
    assert "stays behind as a ghost" in at_server.log
    at_server.start()
    at_server.close_client()
    before = at_server.log.count("deregistered")
    at_server.send(signal.SIGTERM)
    wait_until(lambda: at_server.log.count("deregistered") > before, "its farewell")
    with frozen(server):
        assert at_server.wait(IN_TIME) == 0, at_server.evidence()
    works(at_server)


def test_the_embedded_server_in_the_commit_of_a_job(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(config=SETTINGS).start()
    partial = instance.client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    instance.close_client()
    (server,) = [
        one for one in instance.descendants() if one.pid == instance.status()["server_pid"]
    ]
    server.suspend()
    gate.open()
    began = time.monotonic()
    instance.send(signal.SIGTERM)
    assert instance.wait(IN_TIME) == 0, instance.evidence()
    assert time.monotonic() - began < IN_TIME
    wait_until(lambda: not server.is_running(), "the server to be gone")
    assert "stays behind as a ghost" in instance.log
    client = instance.start().client
    assert client.wait_for(client.connection.get(partial._p_oid)) in gate.arrivals()
    for _ in range(10):
        client.wait_for(client.put(jobs.nothing))
