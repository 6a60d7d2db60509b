"""The database goes away: stopped, killed, frozen, full, unplugged; and comes back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, Server
from tests.support.gates import Gate
from tests.support.instance import Instance
from tests.support.proxies import proxied
from zcasync.instance.home import Home
from zcasync.partial import Partial
from zcasync.supervisor.bounded_stop import CLOSE_SECONDS
from zcasync.supervisor.children.child import LAST_STACK_SECONDS
from zcasync.supervisor.database_session import FAREWELL_SECONDS
from zcasync.supervisor.zeo_server.process import KILL_AFTER_SECONDS
from zcasync.testing.waiting import wait_until

GRACE = 2
SETTINGS = f"""
<zcasync>
  grace-period {GRACE}
  poll-seconds 1
</zcasync>
"""
#: Of a home whose database is at one of two addresses.
AT_TWO_ADDRESSES = """
<zodb>
  <zeoclient>
    server 127.0.0.1:{first}
    server 127.0.0.1:{second}
  </zeoclient>
</zodb>
"""
#: What the log says when the trouble begins and when it is over.
BEGINS, OVER = "polling: waiting for the database", "polling: works again"


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A database server that belongs to nobody's supervisor."""
    made = Server(folder, transaction_timeout=5)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def instance(server: Server, make_instance: Callable[..., Instance]) -> Instance:
    """A supervisor with two children that uses that server."""
    config = AT_SERVER.format(port=server.port) + SETTINGS
    return make_instance(children=2, config=config).start()


def waiting_for(instance: Instance) -> Any:
    """What status says the supervisor waits for."""
    return instance.status()["waiting_for"]


def wait_until_it_says_so(instance: Instance) -> None:
    """Until the supervisor has noticed that its database is away."""
    wait_until(lambda: waiting_for(instance), "the trouble to be noticed", seen=instance.evidence)


def oids(partials: list[Partial]) -> list[bytes]:
    return [partial._p_oid for partial in partials]


def see_through(instance: Instance, wanted: list[bytes]) -> list[Any]:
    """Wait for these partials with a new client; the results."""
    instance.close_client()
    client = instance.client
    partials = [client.connection.get(oid) for oid in wanted]
    results = [client.wait_for(partial, timeout=60) for partial in partials]
    assert [partial._interruptions for partial in partials] == [0] * len(partials)
    client.wait_until(lambda: len(instance.worker().thread) == 0, "no claim to be left")
    return results


def said_once_each_way(instance: Instance) -> None:
    """The log tells of the trouble once when it begins and once when it is over.

    On a busy machine the server that is back can be silent for a while: another trouble.
    """
    wait_until(lambda: OVER in instance.log, "the end of the trouble", seen=instance.evidence)
    troubles = [line.partition(BEGINS)[2] for line in instance.log.splitlines() if BEGINS in line]
    assert len(set(troubles)) == len(troubles) == instance.log.count(OVER), instance.log
    assert waiting_for(instance) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
def test_a_server_that_ends_and_comes_back_costs_nothing(
    instance: Instance, server: Server, gate: Gate, number: signal.Signals
) -> None:
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    wanted = oids([client.put(counter.add_at_gate, gate.path)])
    gate.wait_for()
    wanted += oids(client.put_many(counter.add, 5))
    children = instance.child_pids()
    server.send(number)
    wait_until(lambda: not server.is_alive, "the server's end")
    gate.open()  # the job ends while there is no database
    wait_until_it_says_so(instance)
    server.start()
    assert sorted(see_through(instance, wanted)) == [1, 2, 3, 4, 5, 6]
    assert instance.child_pids() == children
    said_once_each_way(instance)


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_the_result_of_a_deferred_that_fires_while_the_server_is_away_is_not_lost(
    instance: Instance, server: Server, gate: Gate, queue: str
) -> None:
    client = instance.client
    partial = client.put(jobs.deferred_gate, gate.path, queue=queue)
    client.wait_until(lambda: partial.started, "it to have begun")
    wanted = oids([partial])
    server.kill()
    gate.open()
    wait_until_it_says_so(instance)
    server.start()
    assert see_through(instance, wanted) == ["open"]
    assert len(gate.arrivals()) == 1  # it did not run again


def test_a_frozen_server_is_waited_for_and_reported_once(
    instance: Instance, server: Server, gate: Gate
) -> None:
    client = instance.client
    wanted = oids([client.put(jobs.pass_gate, gate.path)])
    gate.wait_for()
    server.send(signal.SIGSTOP)
    try:
        gate.open()
        wait_until_it_says_so(instance)
        assert "has not answered" in waiting_for(instance)
    finally:
        server.send(signal.SIGCONT)
    assert see_through(instance, wanted)[0] in instance.child_pids()
    said_once_each_way(instance)


def test_a_stop_ends_in_time_though_the_server_is_frozen(
    instance: Instance, server: Server, gate: Gate
) -> None:
    after_grace = (LAST_STACK_SECONDS, FAREWELL_SECONDS, CLOSE_SECONDS, KILL_AFTER_SECONDS)
    assert sum(after_grace) < 10
    client = instance.client
    wanted = oids([client.put(jobs.pass_gate, gate.path)])
    gate.wait_for()
    server.send(signal.SIGSTOP)
    try:
        gate.open()  # its commit hangs, and the last one of the supervisor will
        began = time.monotonic()
        instance.send(signal.SIGTERM)
        assert instance.wait() == 0
        assert time.monotonic() - began < 3 * (GRACE + 10)  # the machine may be busy
    finally:
        server.send(signal.SIGCONT)
    assert "stays behind as a ghost" in instance.log
    instance.start()
    instance.close_client()
    assert instance.client.wait_for(instance.client.connection.get(wanted[0]))


def test_a_supervisor_that_starts_before_its_server_says_so_and_waits(
    instance: Instance, server: Server
) -> None:
    assert instance.stop() == 0
    server.kill()
    instance.launch()
    wait_until(Home(instance.home).control_socket.exists, "the control socket")
    wait_until(lambda: waiting_for(instance) == "the database to be opened", "it to say so")
    server.start()
    instance.wait_until_ready()
    assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})
    assert waiting_for(instance) is None


def test_a_database_socket_that_was_removed_comes_back(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SETTINGS).start()
    wanted = oids([instance.client.put(jobs.echo, 1)])
    server = instance.status()["server_pid"]
    Home(instance.home).zeo_socket.unlink()
    wait_until(Home(instance.home).zeo_socket.exists, "its socket")
    assert see_through(instance, wanted) == [((1,), {})]
    assert instance.log.count("zeo.sock is gone; it is made anew") == 1
    assert instance.status()["server_pid"] == server


def test_a_control_socket_that_was_removed_comes_back(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=SETTINGS).start()
    socket = Home(instance.home).control_socket
    socket.unlink()
    wait_until(socket.exists, "the control socket", seen=instance.evidence)
    assert instance.status()["pid"] == instance.pid
    assert instance.log.count("is made anew") == 1
    assert instance.stop() == 0


def test_a_job_goes_on_in_a_child_that_has_found_its_database_at_another_address(
    server: Server, make_instance: Callable[..., Instance], gate: Gate
) -> None:
    with proxied(server.port) as first, proxied(server.port) as second:
        config = AT_TWO_ADDRESSES.format(first=first.port, second=second.port) + SETTINGS
        instance = make_instance(children=1, config=config).start()
        client = instance.client
        counter = client.add("counter", jobs.Counter())
        partial = client.put(counter.add_at_gate, gate.path)
        pid = gate.wait_for()
        there = {one.raddr.port for one in psutil.Process(pid).net_connections("tcp4")}
        [used] = [one for one in (first, second) if one.port in there]
        [other] = {first, second} - {used}
        used.cut(pid)
        wait_until(lambda: is_connected(pid, other.port), "the child to be connected again")
        gate.open()
        instance.close_client()
        again = instance.client.connection.get(partial._p_oid)
        assert instance.client.wait_for(again) == 1
        assert again._interruptions == 0, instance.evidence()


def is_connected(pid: int, port: int) -> bool:
    """Whether a process has a connection to this port, and no other one."""
    found = psutil.Process(pid).net_connections("tcp4")
    return [(one.raddr and one.raddr.port, one.status) for one in found] == [(port, "ESTABLISHED")]
