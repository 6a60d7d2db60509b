"""Listeners to the commits of a RelStorage, and clocks of what reports to them."""

from __future__ import annotations

import queue
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import transaction

from zcasync.database.sync import connected
from zcasync.datamanager import find, install
from zcasync.relstorage.listening import LINGER, ChangeFeed
from zcasync.relstorage.ring import CHANNEL
from zcasync.relstorage.storages import adapter_of

SECONDS = 30.0


class StandingClock:
    """A clock of a feed, which looks at nothing by itself while that stands still."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Told:
    """A listener that keeps what it is told; ``watched``: what it waits for, all where empty."""

    def __init__(self, *watched: bytes) -> None:
        self._watched = frozenset(watched)
        self._told: queue.Queue[tuple[bytes, frozenset[bytes]] | None] = queue.Queue()

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        self._told.put((tid, frozenset(oids)))

    def invalidate_all(self) -> None:
        self._told.put(None)

    def wants(self, oids: Collection[bytes]) -> bool:
        return not self._watched or not self._watched.isdisjoint(oids)

    def watches(self, oids: Collection[bytes]) -> bool:
        return not self._watched.isdisjoint(oids)

    def next(self) -> tuple[bytes, frozenset[bytes]] | None:
        """What it is told next."""
        return self._told.get(timeout=SECONDS)

    @property
    def is_quiet(self) -> bool:
        return self._told.empty()


@contextmanager
def told_of(
    db: Any, *watched: bytes, clock: StandingClock | None = None
) -> Iterator[tuple[Told, ChangeFeed]]:
    """Listen to commits by a feed of one's own, from its first connection on."""
    now = clock or StandingClock()
    feed, told = ChangeFeed(adapter_of(db), now), Told(*watched)
    feed.add(told)
    try:
        assert told.next() is None, "a new connection may have missed anything"
        yield told, feed
    finally:
        feed.remove(told)
        now.seconds += LINGER + 1  # and its thread ends


@contextmanager
def notified(dsn: str) -> Iterator[Any]:
    """Every NOTIFY of a database, as a function returns them that have come since the last time."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(f"LISTEN {CHANNEL}")

    def come() -> list[str]:
        cursor.execute("SELECT 1")
        payloads = [one.payload for one in connection.notifies]
        del connection.notifies[:]
        return payloads

    try:
        yield come
    finally:
        connection.close()


def install_manager(db: Any) -> Any:
    """Install the data manager as an application does."""
    with connected(db) as connection:
        manager = install(connection)
        connection.transaction_manager.commit()
        assert find(connection) is manager


class Writer:
    """A connection to a database, with a transaction manager of its own."""

    def __init__(self, db: Any) -> None:
        self.transactions = transaction.TransactionManager()
        self.connection = db.open(transaction_manager=self.transactions)
        self.root = self.connection.root()

    def put(self, call: Any, *args: Any) -> Any:
        """Put a call; does not commit."""
        manager = find(self.connection)
        assert manager is not None
        return manager.thread.put(call, *args)

    def commit(self) -> None:
        self.transactions.commit()

    def close(self) -> None:
        self.transactions.abort()
        self.connection.close()
