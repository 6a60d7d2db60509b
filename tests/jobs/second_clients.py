"""Calls that open a client of their own beside their job's, for the tests of second clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transaction
from persistent.mapping import PersistentMapping
from ZEO.ClientStorage import ClientStorage
from ZODB import DB

#: The key in the root that is set.
KEY = "second client"


@contextmanager
def second(address: Any, storage: str = "1", manager: Any = None) -> Iterator[Any]:
    """A connection of another client; None: with the thread's transaction manager."""
    db = DB(ClientStorage(address, storage=storage, wait_timeout=10))
    connection = db.open(manager)
    try:
        yield connection
    finally:
        manager.abort() if manager is not None else transaction.abort()
        connection.close()
        db.close()


#: The clients that are left open: their changes are for the job's commit.
LEFT: list[Any] = []


def change_both(counter: Any, address: Any, storage: str = "1") -> str:
    """Change something in the job's connection, and another one with a part in its commit."""
    counter.add()
    db = DB(ClientStorage(address, storage=storage, wait_timeout=10))
    connection = db.open()
    LEFT.append((db, connection))
    connection.add(PersistentMapping())
    return "both"


def change_second(address: Any, storage: str = "1") -> str:
    """Change something in another connection alone, which takes part in the job's commit."""
    db = DB(ClientStorage(address, storage=storage, wait_timeout=10))
    connection = db.open()
    LEFT.append((db, connection))
    connection.add(PersistentMapping())
    return "second"


def undo_in_second(address: Any) -> str:
    """Undo something by another client, in the job's transaction."""
    db = DB(ClientStorage(address, wait_timeout=10))
    LEFT.append(db)
    db.undo(db.undoInfo(0, 1)[0]["id"])
    return "undone"


def read_second(address: Any) -> int:
    """Only read in another connection."""
    with second(address) as connection:
        return len(connection.root())


def change_apart(address: Any) -> str:
    """Change something in a connection with a transaction manager of its own."""
    manager = transaction.TransactionManager()
    with second(address, manager=manager) as connection:
        connection.root()[KEY] = "apart"
        manager.commit()
    return "apart"
