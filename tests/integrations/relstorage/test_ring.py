"""Commits that write records of zcasync send a NOTIFY with their transaction, and no others do."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import pytest
from persistent.mapping import PersistentMapping
from ZODB.utils import u64

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.homes import opened
from tests.integrations.relstorage.listeners import Writer, install_manager, notified
from zcasync.partial import Partial


@pytest.fixture
def db(database: Database, keep_history: bool) -> Iterator[Any]:
    """An application's own client of a database with a data manager."""
    with opened(database.dsn, keep_history=keep_history) as made:
        install_manager(made)
        yield made


@pytest.fixture
def writer(db: Any) -> Iterator[Writer]:
    made = Writer(db)
    yield made
    made.close()


def test_a_put_rings_with_its_commit_and_names_what_it_has_written(
    database: Database, writer: Writer
) -> None:
    with notified(database.dsn) as come:
        job = writer.put(Partial(operator.add, 1, 2))
        assert come() == []
        writer.commit()

        (payload,) = come()
        assert u64(job._p_oid) in map(int, payload.split(","))


def test_a_put_that_is_rolled_back_rings_nothing(database: Database, writer: Writer) -> None:
    class Refuses:
        """A participant that ends the transaction when all others have voted."""

        def tpc_vote(self, transaction: Any) -> None:
            raise ValueError("no")

        def sortKey(self) -> str:
            return "~~~"

        def tpc_begin(self, transaction: Any) -> None:
            return None

        abort = commit = tpc_finish = tpc_abort = tpc_begin

    with notified(database.dsn) as come:
        writer.put(Partial(operator.add, 1, 2))
        writer.transactions.get().join(Refuses())
        with pytest.raises(ValueError, match="no"):
            writer.commit()
        writer.transactions.abort()
        assert come() == []

        writer.put(Partial(operator.add, 1, 2))
        writer.commit()
        assert len(come()) == 1


def test_what_an_application_commits_besides_rings_nothing(
    database: Database, writer: Writer
) -> None:
    with notified(database.dsn) as come:
        for number in range(5):
            writer.root[f"n{number}"] = PersistentMapping(n=number)
            writer.commit()

        assert come() == []


def test_connections_ring_that_were_open_before_the_data_manager_was_there(
    database: Database, keep_history: bool
) -> None:
    with opened(database.dsn, keep_history=keep_history) as made:
        early = Writer(made)
        install_manager(made)
        with notified(database.dsn) as come:
            early.transactions.begin()
            early.put(Partial(operator.add, 1, 2))
            early.commit()
            assert len(come()) == 1
        early.close()


def test_a_commit_of_very_much_stands_for_anything(database: Database, writer: Writer) -> None:
    with notified(database.dsn) as come:
        writer.root["many"] = [PersistentMapping() for _ in range(5000)]
        writer.put(Partial(operator.add, 1, 2))
        writer.commit()

        assert come() == [""]
