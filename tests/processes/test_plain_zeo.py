"""With a plain ZEO client, or a plain ZEO server, or both, everything works as with ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from ZEO.ClientStorage import ClientStorage

from tests.jobs import basic as jobs
from tests.processes.servers import Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.partial import Partial
from zcasync.zeo.bulk_load import LOAD_MANY
from zcasync.zeo.client import TOGETHER, PipelinedClientStorage

CONFIG = """
%import tests.support.plain_zeo
<zodb>
  <{section}>
    server 127.0.0.1:{port}
    storage 1
  </{section}>
</zodb>
"""


class Both(NamedTuple):
    """What a client and its server are."""

    section: str
    module: str

    @property
    def kind(self) -> type:
        """Of the storage."""
        return PipelinedClientStorage if self.section == "zeoclient" else ClientStorage


COMBINATIONS = [
    pytest.param(Both(section, module), id=f"{client} client, {server} server")
    for client, section in (("our", "zeoclient"), ("plain", "plainzeoclient"))
    for server, module in (("our", "zcasync.zeo"), ("plain", "ZEO.runzeo"))
]


@pytest.fixture(params=COMBINATIONS)
def both(request: pytest.FixtureRequest) -> Both:
    """One combination after the other."""
    found: Both = request.param
    return found


@pytest.fixture
def instance(
    both: Both, folder: Path, make_instance: Callable[..., Instance]
) -> Iterator[Instance]:
    """A supervisor with two children; its database is elsewhere."""
    server = Server(folder, [ROOT], module=both.module)
    try:
        port = server.start().port
        config = CONFIG.format(section=both.section, port=port) + SHORT
        made = make_instance(children=2, config=config)
        yield made.start()
        made.end()
    finally:
        server.stop()


@pytest.fixture
def client(instance: Instance) -> Client:
    """The application's."""
    return instance.client


def test_jobs_are_put_performed_and_completed(
    both: Both, instance: Instance, client: Client
) -> None:
    storage = client.db.storage
    assert type(storage) is both.kind
    is_ours = both.module == "zcasync.zeo"
    assert (TOGETHER in storage._info, LOAD_MANY in storage._info) == (is_ours, is_ours)

    counter = client.add("counter", jobs.Counter())
    assert client.wait_for(client.put(counter.add_and_name_storage, 3)) == (3, both.kind.__name__)
    failure = client.wait_for(client.put(counter.add_and_fail, 5))
    assert failure.type is ValueError
    assert client.wait_for(client.put(counter.add_and_commit_twice)) == 114
    assert client.wait_for(client.put(counter.add, 6, queue="reactor")) == 120
    assert client.wait_for(client.put(jobs.later, "deferred")) == "deferred"
    assert counter.value == 120

    partial = client.manager.thread.put(Partial(jobs.echo, 1))
    doubled = partial.addCallback(jobs.double)
    client.commit()
    assert client.wait_for(partial, doubled) == [((1,), {}), 2 * ((1,), {})]

    many = client.put_many(jobs.nothing, 60)
    assert client.wait_for(*many) == [None] * 60
    client.wait_for(*[client.put(counter.add) for _ in range(20)])
    assert counter.value == 140, "those that write the same take effect once each"
    large = client.wait_for(client.put(jobs.return_bytes, 3_000_000))
    assert len(large) == 3_000_000
    client.wait_until(lambda: len(instance.worker().thread) == 0, "no claim to be left")
    assert instance.stop() == 0


def test_jobs_take_effect_once_whatever_is_killed(
    instance: Instance, client: Client, gate: Gate, tmp_path: Path
) -> None:
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    victim = gate.wait_for()
    os.kill(victim, signal.SIGKILL)
    assert gate.wait_for(2) != victim
    gate.open()
    assert client.wait_for(partial) == 1

    other = Gate(tmp_path / "other")
    partials = [client.put(counter.add_at_gate, other.path), *client.put_many(jobs.nothing, 20)]
    other.wait_for()
    oids = [partial._p_oid for partial in partials]
    instance.kill()
    other.open()
    client = instance.start().client
    results = client.wait_for(*map(client.connection.get, oids))
    assert results == [2, *[None] * 20]
    assert client.main.root()["counter"].value == 2
