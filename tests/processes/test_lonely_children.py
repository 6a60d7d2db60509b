"""A child whose database is away for it alone: told, cancelled, and replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import Server
from tests.support.gates import Gate
from tests.support.instance import Instance
from tests.support.json_schema import problems
from tests.support.proxies import Proxy, proxied
from zcasync.cli.main import execute
from zcasync.interfaces import JobCancelled
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.supervisor.lonely_children import LONELY_SECONDS
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

Cli = Callable[..., str]
#: ZEO's client itself waits for a connection, for half a minute unless it is told otherwise.
CONFIG = """
%import ZEO
<zodb>
  <clientstorage>
    server 127.0.0.1:{port}
    wait-timeout 1
  </clientstorage>
</zodb>
<zcasync>
  grace-period 2
</zcasync>
"""
#: The same with the queues in a database that is not behind the proxy.
TWO_DATABASES = """
%import ZEO
<zodb>
  <clientstorage>
    server 127.0.0.1:{port}
    wait-timeout 1
  </clientstorage>
</zodb>
<zodb zc.async>
  <clientstorage>
    server 127.0.0.1:{queues}
    storage 2
    wait-timeout 1
  </clientstorage>
</zodb>
<zcasync>
  grace-period 2
</zcasync>
"""


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, transaction_timeout=5)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxied(server.port) as made:
        yield made


@pytest.fixture
def instance(proxy: Proxy, make_instance: Callable[..., Instance]) -> Instance:
    """A supervisor with two children whose database is behind the proxy."""
    return make_instance(children=2, config=CONFIG.format(port=proxy.port)).start()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line that succeeds in this process, and returns what it prints."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> str:
        capsys.readouterr()
        code = execute([str(one) for one in arguments])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


def child(instance: Instance, pid: int) -> dict[str, Any]:
    """Return what status says of a child; {} where it is gone."""
    found: list[dict[str, Any]] = instance.status()["children"]
    return next((one for one in found if one["pid"] == pid), {})


def wait_for_wait(instance: Instance, pid: int) -> dict[str, Any]:
    """Wait until status says that a child waits for its database, and return what it says."""
    return wait_until(  # type: ignore[no-any-return]
        lambda: child(instance, pid).get("wait"), "the wait to be told", seen=instance.evidence
    )


def put_and_kill(instance: Instance, server: Server, gate: Gate) -> tuple[Partial, int]:
    """Put a job that counts, and kill the server while it runs; return it, and its process."""
    counter = instance.client.add("counter", jobs.Counter())
    partial = instance.client.put(counter.add_at_gate, gate.path)
    pid = gate.wait_for()
    server.kill()
    gate.open()
    return partial, pid


def test_a_wait_of_a_child_is_told_and_is_over_when_its_database_is_back(
    instance: Instance, proxy: Proxy, server: Server, gate: Gate
) -> None:
    partial, pid = put_and_kill(instance, server, gate)
    wait = wait_for_wait(instance, pid)
    assert wait["problem"].startswith("ClientDisconnected: ")
    assert wait["tries"] >= 1
    server.start()
    instance.close_client()
    again = instance.client.connection.get(partial._p_oid)
    instance.client.wait_for(again)
    assert again._interruptions == 0
    assert child(instance, pid)["wait"] is None


def test_the_wait_of_a_job_is_shown_to_operators(
    instance: Instance, proxy: Proxy, gate: Gate, cli: Cli
) -> None:
    partial = instance.client.put(jobs.pass_gate, gate.path)
    pid = gate.wait_for()
    proxy.cut(pid, instance.pid)  # the supervisor's too, or the wait would not last
    gate.open()
    wait_for_wait(instance, pid)
    job = id_of(partial)
    found = json.loads(cli("job", job, "--json", "--home", instance.home))
    assert problems(found, "job") == []
    assert found["wait"]["problem"].startswith("ClientDisconnected: ")
    document = json.loads(cli("status", "--json", "--home", instance.home))
    assert problems(document, "status") == []
    [worker] = document["workers"]
    waits = [one["wait"] for one in worker["children"] if one["pid"] == pid]
    assert waits[0]["since"] == found["wait"]["since"]
    assert re.search(r"Waits for +the database since 20", cli("job", job, "--home", instance.home))
    assert "waits for the database since 20" in cli("jobs", "--home", instance.home)
    proxy.mend()


def test_cancel_ends_the_wait_of_a_job(
    instance: Instance, proxy: Proxy, gate: Gate, cli: Cli
) -> None:
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    pid = gate.wait_for()
    proxy.cut(pid)
    gate.open()
    wait_for_wait(instance, pid)
    cli("cancel", id_of(partial), "--home", instance.home)
    assert client.wait_for(partial).type is JobCancelled
    assert is_gone(pid)
    assert counter.value == 0
    assert client.wait_for(*client.put_many(jobs.nothing, 10)) == [None] * 10


def test_a_child_whose_database_is_away_for_it_alone_is_replaced_at_the_cost_of_its_job(
    instance: Instance, proxy: Proxy, gate: Gate
) -> None:
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    pid = gate.wait_for()
    proxy.cut(pid)
    gate.open()
    client.wait_for(partial)
    assert is_gone(pid)
    assert partial._interruptions == 1
    assert counter.value == 1
    assert "the database has been away for it alone for 5 s, at job" in instance.log
    assert client.wait_for(*client.put_many(jobs.nothing, 10)) == [None] * 10


def test_a_child_that_can_begin_no_job_is_replaced_at_the_cost_of_the_job_it_cannot_store(
    make_instance: Callable[..., Instance], proxy: Proxy
) -> None:
    instance = make_instance(children=1, config=CONFIG.format(port=proxy.port)).start()
    client = instance.client
    pid, _, _ = client.wait_for(client.put(jobs.process))
    proxy.cut(pid)
    partial = client.put(jobs.process)
    other, _, _ = client.wait_for(partial, timeout=60)
    assert other != pid
    assert is_gone(pid)
    assert partial._interruptions == 1
    assert "the database has been away for it alone for 5 s, at job" in instance.log


def test_children_that_come_back_after_an_outage_of_all_are_not_retired(
    instance: Instance, proxy: Proxy, server: Server, gate: Gate
) -> None:
    partial, pid = put_and_kill(instance, server, gate)
    wait_for_wait(instance, pid)
    wait_until(lambda: instance.status()["waiting_for"], "the supervisor to notice")
    proxy.cut(pid)  # it comes back later than all others
    server.start()
    wait_until(lambda: not instance.status()["waiting_for"], "the supervisor to go on")
    proxy.mend()
    instance.close_client()
    again = instance.client.connection.get(partial._p_oid)
    instance.client.wait_for(again)
    assert again._interruptions == 0
    assert child(instance, pid)["pid"] == pid


def test_the_wait_of_a_reactor_job_is_shown_to_operators(
    instance: Instance, proxy: Proxy, gate: Gate, cli: Cli
) -> None:
    client = instance.client
    partial = client.put(jobs.deferred_gate, gate.path, queue="reactor")
    client.wait_until(lambda: partial.started, "it to have begun")
    proxy.cut(instance.pid)
    gate.open()

    def wait() -> Any:
        shown = json.loads(cli("job", id_of(partial), "--json", "--home", instance.home))
        assert problems(shown, "job") == []
        return shown["wait"]

    found = wait_until(wait, "the wait to be told", seen=instance.evidence)
    assert found["problem"].startswith("ClientDisconnected: ")
    proxy.mend()
    assert client.wait_for(partial, timeout=60) == "open"
    assert wait() is None


def test_nothing_is_held_against_a_child_while_another_database_is_away_for_all(
    make_instance: Callable[..., Instance], proxy: Proxy, server: Server, gate: Gate
) -> None:
    """The application's database is away, and the one of the queues answers."""
    config = TWO_DATABASES.format(port=proxy.port, queues=server.port)
    instance = make_instance(children=1, config=config).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    pid = gate.wait_for()
    proxy.cut(pid, instance.pid)
    gate.open()
    wait_for_wait(instance, pid)
    tries = 2 + int(LONELY_SECONDS)  # each takes a second, for which the client waits itself
    wait_until(
        lambda: is_gone(pid) or (child(instance, pid)["wait"] or {"tries": 0})["tries"] > tries,
        "the child to wait for longer than a lonely one may",
        seen=instance.evidence,
    )
    proxy.mend()
    assert client.wait_for(partial, timeout=60) == 1
    assert partial._interruptions == 0, instance.evidence()
    assert child(instance, pid)["pid"] == pid
