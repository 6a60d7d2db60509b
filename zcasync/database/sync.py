"""Commits of other processes, seen in time, and commits of this one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import transaction
from persistent.timestamp import TimeStamp
from ZODB import DB
from ZODB.utils import p64, u64

from zcasync import clock
from zcasync.instance.settings import ASYNC_DATABASE
from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.connections import changed_objects, view_end

#: The attribute of the main one of several databases that zcasync has opened.
MAIN_MARK = "zcasync_is_main"


def manager_database(db: DB) -> DB:
    """Return the database that holds the data manager."""
    return db.databases.get(ASYNC_DATABASE, db)


def mark_main(db: DB) -> None:
    """Note that a database is the main one among its companions."""
    setattr(db, MAIN_MARK, True)


def main_database(db: DB) -> DB | None:
    """Return the main one of a database and its companions.

    None where nobody has marked one of several: an application has opened them, and knows.
    """
    dbs = list(db.databases.values())
    marked = [one for one in dbs if hasattr(one, MAIN_MARK)]
    found = marked or [one for one in dbs if one.database_name != ASYNC_DATABASE]
    return found[0] if len(found) == 1 else None


def mark_first(db: DB) -> DB:
    """Note that a database is the main one, unless another one is; return the one that is."""
    marked = [one for one in db.databases.values() if hasattr(one, MAIN_MARK)]
    if not marked:
        mark_main(db)
    return marked[0] if marked else db


def catch_up(db: DB, tid: bytes | None = None) -> None:
    """Make sure that the next transaction on ``db`` sees all that was committed before this call.

    ``tid``: or only what was committed up to this transaction.

    A message of another process can overtake the storage server's invalidations of what that
    process committed.  ``lastTransaction`` proves nothing either: a ZEO server, unless it is ours,
    may announce our own newer commit before an older one of another client.  A round trip to the
    server puts everything in order.
    """
    storage = db.storage
    if (
        tid is not None
        and isinstance(storage, PipelinedClientStorage)
        and storage.has_heard_of(tid)
    ):
        return
    ping = getattr(storage, "ping", None)
    if ping is not None:
        ping()


def last_seen(connection: Any) -> bytes | None:
    """Return the id of the last transaction that the connection sees; None: not known."""
    end = view_end(connection)
    return None if end is None else p64(u64(end) - 1)


def moment_of(tid: bytes) -> int | None:
    """Return when the server has made a transaction's id, by its clock: microseconds since 1970.

    None where that has nothing to do with our time: tests have set it.  After the server's clock
    was set back ids go on from the last one, until the time is there again.
    """
    return int(TimeStamp(tid).timeTime() * 1e6) if clock.is_the_systems() else None


def commit(
    connection: Any, told: Callable[[bytes], None] | None = None
) -> tuple[bool, bytes | None]:
    """Commit; return whether anything was written, and the transaction's id if it is known.

    ``told``: see :class:`zcasync.zeo.fenced.Fenced` and, for how early it may be called,
    :class:`zcasync.zeo.one_phase.OnePhaseConnection`.
    """
    written, seen = changed_objects(connection), last_seen(connection)
    connection.told = told
    try:
        connection.transaction_manager.commit()
    finally:
        connection.told = None
    # An object whose conflict the server has resolved keeps its old serial until it is loaded.
    tid = max((obj._p_serial for obj in written), default=None)
    return bool(written), tid if seen is None or tid is None or tid > seen else None


def catch_up_all(db: DB, tid: bytes | None = None) -> None:
    """Catch up on ``db`` and its companions: what a job finds in all of them belongs together.

    ``tid`` is one of ``db``.
    """
    for one in db.databases.values():
        catch_up(one, tid if one is db else None)


@contextlib.contextmanager
def connected(db: DB) -> Iterator[Any]:
    """Provide a connection of the data manager's database, with its own transaction manager."""
    manager = transaction.TransactionManager()
    connection = manager_database(db).open(transaction_manager=manager)
    try:
        yield connection
    finally:
        manager.abort()
        connection.close()
