"""Engines that die, freeze and come back, with two supervisors on one database server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs import basic as jobs
from tests.jobs import load as load_jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import Partial
from zcasync.interfaces import COMPLETED
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

CONFIG = (
    AT_SERVER
    + """
<zcasync>
  grace-period 5
  poll-seconds 1
  ping-interval 1
  ping-death-interval 1
</zcasync>
"""
)


@pytest.fixture
def port(folder: Path) -> Iterator[int]:
    """The port of a database server."""
    with database_server(folder) as port:
        yield port


@pytest.fixture
def pair(port: int, make_instance: Callable[..., Instance]) -> tuple[Instance, Instance]:
    """Two supervisors with one child each; the second one has begun after the first."""
    config = CONFIG.format(port=port)
    first = make_instance("first", config=config).start()
    return first, make_instance("second", config=config).start()


def verdict_free(client: Client, instance: Instance) -> bool:
    """Whether no engine is written on the worker of an instance."""
    return client.worker(instance.home).engineUUID is None


def test_a_sibling_buries_a_killed_supervisor_and_runs_its_jobs(
    pair: tuple[Instance, Instance], gate: Gate
) -> None:
    victim, heir = pair
    client = heir.client
    counter = client.add("counter", jobs.Counter())
    partial = client.manager.thread.put(Partial(counter.add_at_gate, gate.path))
    partial.excludedUUIDs.add(client.worker(heir.home).UUID)
    client.commit()
    gate.wait_for()
    partials = [client.put(counter.add) for _ in range(3)]
    children = [psutil.Process(pid) for pid in victim.child_pids()]
    victim.kill()
    client.wait_until(lambda: verdict_free(client, victim), "the burial")
    wait_until(lambda: all(map(is_gone, children)), "its children to end")
    gate.open()
    assert sorted(filter(None, map(client.wait_for, partials)))[-1] == 3
    client.sync()
    assert partial.state == "pending"  # only the victim may run it, and it was interrupted once
    assert partial._interruptions == 1
    victim.start()
    assert client.wait_for(partial) == 4


def test_a_frozen_engine_is_buried_and_starts_anew_when_it_thaws(
    pair: tuple[Instance, Instance], gate: Gate
) -> None:
    frozen, heir = pair
    client = heir.client
    counter = client.add("counter", jobs.Counter())
    partial = client.put(counter.add_at_gate, gate.path)
    holder = frozen if gate.wait_for() in frozen.child_pids() else heir
    other = heir if holder is frozen else frozen
    client = other.new_client()
    engine = client.worker(holder.home).engineUUID
    children = [psutil.Process(pid) for pid in holder.child_pids()]
    holder.send(signal.SIGSTOP)
    try:
        for child in children:
            os.kill(child.pid, signal.SIGSTOP)
        client.wait_until(lambda: verdict_free(client, holder), "the burial")
        gate.wait_for(2)  # the job has begun anew, at the other supervisor
    finally:
        for child in children:
            child.resume()
        holder.send(signal.SIGCONT)
    gate.open()
    found = client.connection.get(partial._p_oid)
    assert client.wait_for(found) == 1  # once, although two have made the change
    client.wait_until(
        lambda: client.worker(holder.home).engineUUID not in (None, engine), "a new engine"
    )
    wait_until(lambda: all(map(is_gone, children)), "the old children to end")
    assert "a new engine is started" in holder.log
    again = client.manager.thread.put(counter_of(client).add)
    again.excludedUUIDs.add(client.worker(other.home).UUID)
    client.commit()
    assert client.wait_for(again) == 2
    client.close()


def counter_of(client: Client) -> jobs.Counter:
    """The counter, in this client's connection."""
    return client.main.root()["counter"]  # type: ignore[no-any-return]


def test_a_live_supervisor_under_load_is_not_buried(
    pair: tuple[Instance, Instance], gate: Gate
) -> None:
    _first, second = pair
    client = second.client
    engines = {worker.engineUUID for worker in client.manager.workers.values()}
    partials = [client.put(load_jobs.hold_the_interpreter, 5) for _ in range(2)]
    client.wait_for(*partials)
    assert all(partial.state == COMPLETED for partial in partials)
    assert {worker.engineUUID for worker in client.manager.workers.values()} == engines


@pytest.mark.parametrize("is_there", [True, False], ids=["idle", "later"])
def test_what_waits_behind_a_long_job_goes_to_another_worker(
    port: int, make_instance: Callable[..., Instance], gate: Gate, is_there: bool
) -> None:
    """The jobs before were short, so that many are reserved for the one child."""
    config = CONFIG.format(port=port)
    first = make_instance("first", config=config).start()
    client = first.client
    for partial in [client.put(jobs.nothing) for _ in range(20)]:
        client.wait_for(partial)
    other = make_instance("second", config=config)
    if is_there:
        other.start()
        client.sync()
        client.worker(other.home).thread.size = 0  # until all is reserved by the first one
        client.commit()
    long, *short = client.manager.thread.put_many(
        [Partial(jobs.pass_gate, gate.path), *[jobs.nothing] * 20]
    )
    client.commit()
    gate.wait_for()
    if is_there:
        client.worker(other.home).thread.size = 1
        client.commit()
    else:
        other.start()
    for partial in short:
        client.wait_for(partial)
    client.sync()
    assert long.state == "active"
    gate.open()
    client.wait_for(long)
