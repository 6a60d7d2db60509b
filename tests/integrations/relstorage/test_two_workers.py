"""Two workers of one PostgreSQL, one of which is killed; and queues in a database of their own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator

import pytest

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.homes import WORKER, section
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Instance
from tests.support.postgres import Postgres


def test_what_a_killed_worker_had_is_done_by_the_other_one(
    database: Database, keep_history: bool, gate: Gate
) -> None:
    first = database.home("first", children=2).start()
    client = first.new_client()
    counter = client.add("counter", jobs.Counter())
    begun = client.put(counter.add_at_gate, gate.path)
    gate.wait_for()
    waiting = client.put_many(counter.add, 10)
    second = database.home("second", children=2).start()
    first.kill()
    gate.open()
    try:
        assert sorted(client.wait_for(begun, *waiting, timeout=90)) == list(range(1, 12))
        assert second.is_alive
    finally:
        client.close()


@pytest.fixture
def two(postgres: Postgres) -> Iterator[tuple[str, str]]:
    """The dsn of two empty databases."""
    names = postgres.make_database(), postgres.make_database()
    yield postgres.dsn(names[0]), postgres.dsn(names[1])
    for name in names:
        postgres.drop_database(name)


def test_the_queues_can_be_in_a_database_of_their_own(
    two: tuple[str, str], make_instance: Callable[..., Instance]
) -> None:
    config = section(two[0], name="main") + section(two[1], name="zc.async", keep_history=False)
    instance = make_instance(children=2, config=config + WORKER.format(settings="")).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())

    done = [client.put(counter.add) for _ in range(5)] + [client.put(operator.neg, 1)]

    assert sorted(client.wait_for(*done)) == [-1, 1, 2, 3, 4, 5]
    client.sync()
    assert counter.value == 5
    instance.end()
