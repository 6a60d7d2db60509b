"""Listeners are told of commits: by NOTIFY, by looking, and after whatever happens to connections.

The feed's clock stands still, so it looks only when a test lets time pass.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import pytest
from persistent.mapping import PersistentMapping

from tests.integrations.relstorage.conftest import Database
from tests.integrations.relstorage.homes import opened
from tests.integrations.relstorage.listeners import (
    StandingClock,
    Told,
    Writer,
    install_manager,
    told_of,
)
from zcasync.partial import Partial
from zcasync.relstorage.listening import listen
from zcasync.relstorage.storages import adapter_of
from zcasync.relstorage.trust import LATE, LOOKING, TRUSTING
from zcasync.testing.waiting import wait_until


@pytest.fixture
def db(database: Database, keep_history: bool) -> Iterator[Any]:
    """The client of whoever listens, of a database with a data manager."""
    with opened(database.dsn, keep_history=keep_history) as made:
        install_manager(made)
        yield made


@pytest.fixture
def writer(database: Database, db: Any, keep_history: bool) -> Iterator[Writer]:
    """A connection by another client: that of an application."""
    with opened(database.dsn, keep_history=keep_history) as other:
        made = Writer(other)
        yield made
        made.close()


def silence(writer: Writer) -> None:
    """Let its commits ring no more: as those of a process that knows nothing of zcasync."""
    vars(adapter_of(writer.connection.db()).mover).pop("store_temps", None)


def test_a_commit_is_told_by_its_notify(db: Any, writer: Writer) -> None:
    with told_of(db) as (told, feed):
        job = writer.put(Partial(operator.add, 1, 2))
        writer.commit()

        _, oids = told.next() or pytest.fail("it is known what was written")
        assert feed.is_push
        assert job._p_oid in oids
        assert told.is_quiet


def test_a_commit_of_the_listeners_own_is_told_with_the_transaction_that_it_was(db: Any) -> None:
    own = Writer(db)
    with told_of(db) as (told, _):
        job = own.put(Partial(operator.add, 1, 2))
        own.commit()

        tid, oids = told.next() or pytest.fail("it is known what was written")
        assert tid == job._p_serial
        assert job._p_oid in oids
        assert told.is_quiet
    own.close()


def test_what_was_heard_is_not_told_again_when_it_is_found(db: Any, writer: Writer) -> None:
    clock = StandingClock()
    with told_of(db, clock=clock) as (told, feed):
        writer.put(Partial(operator.add, 1, 2))
        writer.commit()
        told.next()
        writer.root["last"] = PersistentMapping()
        writer.commit()  # rings nothing
        clock.seconds += TRUSTING

        tid, _ = told.next() or pytest.fail("it is known what was written")
        assert tid == writer.root["last"]._p_serial
        assert told.is_quiet
        assert feed.is_push


def test_nobody_is_told_what_nobody_wants(db: Any, writer: Writer) -> None:
    job = writer.put(Partial(operator.add, 1, 2))
    writer.commit()
    with told_of(db, job._p_oid) as (told, _):
        writer.put(Partial(operator.add, 1, 2))
        writer.commit()
        job.annotations["note"] = "for a change"
        job._p_changed = True
        writer.commit()

        _, oids = told.next() or pytest.fail("it is known what was written")
        assert job._p_oid in oids
        assert told.is_quiet


def test_a_commit_without_a_notify_is_found_and_from_then_on_all_are_looked_for(
    db: Any, writer: Writer
) -> None:
    clock = StandingClock()
    job = writer.put(Partial(operator.add, 1, 2))
    writer.commit()
    with told_of(db, job._p_oid, clock=clock) as (told, feed):
        writer.connection.db().storage.sync()
        silence(writer)
        job._p_changed = True
        writer.commit()
        assert told.is_quiet
        clock.seconds += TRUSTING
        assert told.next() is not None
        assert feed.is_push, "its NOTIFY may be on its way"
        clock.seconds += TRUSTING + LATE
        wait_until(lambda: not feed.is_push, "the end of the trust")

        job._p_changed = True
        writer.commit()
        clock.seconds += LOOKING
        assert told.next() is not None


def test_a_listening_connection_that_was_cut_is_made_anew(
    database: Database, db: Any, writer: Writer
) -> None:
    with told_of(db) as (told, feed):
        before = listening(database)
        assert len(before) == 1
        database.ask(f"SELECT pg_terminate_backend({before[0]})")

        assert told.next() is None, "anything may have been committed meanwhile"
        assert feed.is_push
        assert listening(database) not in ([], before)
        job = writer.put(Partial(operator.add, 1, 2))
        writer.commit()
        _, oids = told.next() or pytest.fail("it is known what was written")
        assert job._p_oid in oids


def test_a_server_that_is_started_again_is_listened_to(own_database: Database) -> None:
    with opened(own_database.dsn) as db:
        install_manager(db)
        with told_of(db) as (told, feed):
            own_database.server.stop()
            wait_until(lambda: not feed.is_push, "the loss to be noticed")
            own_database.server.start()

            assert told.next() is None
            writer = Writer(db)
            job = writer.put(Partial(operator.add, 1, 2))
            writer.commit()
            writer.close()
            _, oids = told.next() or pytest.fail("it is known what was written")
        assert job._p_oid in oids


def test_listeners_of_a_database_share_a_connection(database: Database, db: Any) -> None:
    first, second = Told(), Told()
    registered = [listen(db, first), listen(db, second)]
    try:
        assert first.next() is None
        wait_until(lambda: all(one is not None and one.is_push for one in registered))
        assert len(listening(database)) == 1
    finally:
        for one in registered:
            assert one is not None
            one.close()
            one.close()


def test_one_that_has_stopped_listening_is_told_nothing(db: Any, writer: Writer) -> None:
    with told_of(db) as (told, feed):
        other = Told()
        feed.add(other)
        feed.remove(other)
        writer.put(Partial(operator.add, 1, 2))
        writer.commit()

        assert told.next() is not None
        assert other.is_quiet


def listening(database: Database) -> list[str]:
    """The backends of listening connections."""
    return database.ask(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'zcasync: listening%'"
        " AND datname = current_database()"
    ).split()
