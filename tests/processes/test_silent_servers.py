"""The database is gone without a word: its machine, or the way to it; and comes back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ZEO.Exceptions import ClientDisconnected

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from tests.support.proxies import Proxy, proxied
from zcasync.testing.waiting import wait_until

#: So that tests take seconds.
HEARTBEAT = 1.5
SETTINGS = f"""
<zcasync>
  grace-period 5
  poll-seconds 1
  zeo-heartbeat {HEARTBEAT}
</zcasync>
"""
SECOND = """
<zodb {name}>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
  </zeoclient>
</zodb>
"""
#: What the log, or whoever asks, is told of a silent server.
SILENT = f"has not answered for {HEARTBEAT:g} s"
#: What each process says once.
NOTICED = f"{SILENT}; the connection is made anew"


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A database server that belongs to nobody's supervisor."""
    made = Server(folder, [ROOT], module="zcasync.zeo", transaction_timeout=5)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """The way to it."""
    with proxied(server.port) as made:
        yield made


@pytest.fixture
def instance(proxy: Proxy, make_instance: Callable[..., Instance]) -> Instance:
    """A supervisor with two children, and clients, that come by this way."""
    config = AT_SERVER.format(port=proxy.port) + SETTINGS
    return make_instance(children=2, config=config).start()


@contextlib.contextmanager
def forgotten(server: Server, proxy: Proxy) -> Iterator[None]:
    """All connections are forgotten by what is between them; new ones can be made."""
    proxy.forget()
    yield


@contextlib.contextmanager
def silent(server: Server, proxy: Proxy) -> Iterator[None]:
    """Nothing is answered; what was sent never arrives."""
    proxy.silence()
    yield
    proxy.mend()


@contextlib.contextmanager
def late(server: Server, proxy: Proxy) -> Iterator[None]:
    """Nothing is answered; what was sent arrives in the end, when nobody waits for it."""
    proxy.silence()
    yield
    proxy.mend(late=True)


@contextlib.contextmanager
def frozen(server: Server, proxy: Proxy) -> Iterator[None]:
    """The server's process is stopped."""
    server.send(signal.SIGSTOP)
    try:
        yield
    finally:
        server.send(signal.SIGCONT)


TROUBLES = (forgotten, silent, late, frozen)


def test_a_server_that_is_gone_without_a_word_costs_no_child_and_no_job(
    instance: Instance, server: Server, proxy: Proxy, tmp_path: Path
) -> None:
    counter = instance.client.add("counter", jobs.Counter())
    oid, children = counter._p_oid, instance.child_pids()
    for trouble in TROUBLES:
        gate = Gate(tmp_path / trouble.__name__)
        client = instance.client
        counter = client.main.get(oid)
        before, silences = counter.value, instance.log.count(NOTICED)
        partial = client.put(counter.add_at_gate, gate.path)._p_oid
        gate.wait_for()
        with trouble(server, proxy):
            gate.open()  # the job's commit is on its way, or waits
            wait_until(
                lambda silences=silences: (
                    instance.log.count(NOTICED) >= silences + 3
                ),  # the supervisor and two children
                f"all to notice that it is {trouble.__name__}",
                60,
                instance.evidence,
            )
        instance.close_client()
        client = instance.client
        again = client.connection.get(partial)
        assert client.wait_for(again, timeout=60) == before + 1, trouble
        assert again._interruptions == 0
        for number in range(10):
            assert client.wait_for(client.put(jobs.echo, number)) == ((number,), {}), trouble
        assert client.main.get(oid).value == before + 1
        assert instance.child_pids() == children, instance.evidence()
        wait_until(lambda: not instance.status()["waiting_for"], "the end of the trouble")


def test_a_client_that_waits_for_it_is_told(instance: Instance, proxy: Proxy) -> None:
    storage = instance.client.db.storage
    proxy.silence()
    with pytest.raises(ClientDisconnected, match=SILENT):
        storage.ping()
    proxy.mend()
    wait_until(storage.is_connected, "the client to be connected again", 60)
    assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})


@pytest.mark.parametrize("name", ["", "zc.async"])
def test_a_supervisor_at_rest_tells_what_it_waits_for(
    server: Server, proxy: Proxy, make_instance: Callable[..., Instance], name: str
) -> None:
    with proxied(server.port) as other:
        first = AT_SERVER.format(port=proxy.port)
        config = first + SECOND.format(name="zc.async", port=other.port) + SETTINGS
        instance = make_instance(children=1, config=config).start()
        children = instance.child_pids()
        lost = other if name else proxy
        lost.silence()
        wait_until(
            lambda: SILENT in (instance.status()["waiting_for"] or ""),
            "it to be told",
            60,
            instance.evidence,
        )
        found = instance.status()["waiting_for"]
        assert found.startswith("the database since "), found
        assert f"at 127.0.0.1:{lost.port} " in found
        lost.mend()
        wait_until(lambda: not instance.status()["waiting_for"], "its end", 60, instance.evidence)
        assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})
        assert instance.child_pids() == children
