"""PostgreSQL goes away: stopped, killed, frozen, its connections cut; and comes back."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.integrations.relstorage.conftest import Database
from tests.jobs import basic as jobs
from tests.processes.test_storage_away import (
    oids,
    said_once_each_way,
    see_through,
    wait_until_it_says_so,
    waiting_for,
)
from tests.support.gates import Gate
from tests.support.postgres import Postgres
from zcasync.testing.waiting import wait_until


def stop(server: Postgres) -> None:
    """End it as an operator does who is in a hurry."""
    server.stop(signal.SIGINT)


@pytest.mark.parametrize("end", [stop, Postgres.kill], ids=["stopped", "killed"])
def test_a_server_that_ends_and_comes_back_costs_nothing(
    own_database: Database, keep_history: bool, gate: Gate, end: Callable[[Postgres], None]
) -> None:
    instance = own_database.home(children=2).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    wanted = oids([client.put(counter.add_at_gate, gate.path)])
    gate.wait_for()
    wanted += oids(client.put_many(counter.add, 5))
    children = instance.child_pids()
    end(own_database.server)
    gate.open()  # the job ends while there is no database
    wait_until_it_says_so(instance)
    own_database.server.start()

    assert sorted(see_through(instance, wanted)) == [1, 2, 3, 4, 5, 6]
    assert instance.child_pids() == children, instance.evidence()
    said_once_each_way(instance)


def test_a_frozen_server_is_waited_for_and_reported_once(
    own_database: Database, gate: Gate
) -> None:
    instance = own_database.home(children=2).start()
    client = instance.client
    wanted = oids([client.put(jobs.pass_gate, gate.path)])
    gate.wait_for()
    own_database.server.send_all(signal.SIGSTOP)
    try:
        gate.open()
        wait_until(lambda: waiting_for(instance), "the silence to be noticed")
    finally:
        own_database.server.send_all(signal.SIGCONT)

    see_through(instance, wanted)
    said_once_each_way(instance)


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in-groups"])
def test_connections_that_are_cut_again_and_again_lose_and_double_nothing(
    database: Database, keep_history: bool, batch: bool
) -> None:
    instance = database.home(children=2).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    wanted = []
    for _ in range(15):
        wanted += oids([client.put(counter.add, batch=batch) for _ in range(5)])
        database.cut()
        instance.close_client()
        client = instance.client
        counter = client.main.root()["counter"]

    assert sorted(see_through(instance, wanted)) == list(range(1, 76))


def test_an_idle_worker_notices_nothing_of_a_restart(own_database: Database) -> None:
    instance = own_database.home().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    client.wait_for(client.put(counter.add))
    instance.close_client()
    stop(own_database.server)
    own_database.server.start()
    client = instance.client

    assert client.wait_for(client.put(client.main.root()["counter"].add)) == 2
