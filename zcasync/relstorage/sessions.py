"""The sessions at a PostgreSQL server: what each asks for when its connection is opened.

Where a process freezes, or its host vanishes, in the middle of a commit, the server holds its locks
for as long as it believes in it: by default for two hours, and where the host is there for ever.
Nobody could bury the engine then.  So a session lets the server end a commit that stands still, and
both kernels look whether the other machine is there.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from zcasync.keepalive import end_unacknowledged, keep_alive
from zcasync.relstorage.temporary_tables import use_tables

#: A commit may stand still for so long; ZEO's server is told the same for its transactions.
STILL_SECONDS = 30
#: So long the other machine may be silent.
SILENT_SECONDS = 30
#: The attribute of what all connections of a database share.
CARE = "zcasync_takes_care"
LOOK = (
    f"SET tcp_keepalives_idle = {SILENT_SECONDS // 2}; "
    f"SET tcp_keepalives_interval = {SILENT_SECONDS // 6}; SET tcp_keepalives_count = 3; "
    f"SET tcp_user_timeout = {SILENT_SECONDS * 1000}"
)
END_STILL = f"SET idle_in_transaction_session_timeout = {STILL_SECONDS * 1000}"

#: A commit looks up the few objects that it writes.  In a new database the server does not know how
#: many there are, and reads them all for it: among 2,000 that is 5 ms of the 7 of a small commit.
BY_INDEX = (
    "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
    "SET jit = off"  # it is used for what seems costly, as a table without an index does then
)


def open_with_care(storage: Any) -> None:
    """Let the connections of a storage to PostgreSQL, and of all its like, be opened so.

    What a store connection has asked for at its beginning it does not ask for again at each commit.
    Safe to repeat.
    """
    adapter, shared = storage._adapter, storage._adapter.connmanager
    is_known = "postgresql" in type(adapter).__module__ and "psycopg2" in adapter.driver.__name__
    if not is_known or hasattr(shared, CARE):
        return
    setattr(shared, CARE, True)
    shared._on_store_opened = tuple(map(_at_first, shared._on_store_opened))
    use_tables(shared)
    shared.add_on_store_opened(_at_first(_begin_store))
    shared.add_on_load_opened(_at_first(_begin_load))
    storage._store_connection_pool.drop_all()


def _at_first(call: Callable[..., None]) -> Callable[..., None]:
    """Return a function that makes this call for a new session only."""

    def called(cursor: Any, restart: bool = False) -> None:
        if not restart:
            call(cursor, restart=False)

    return called


def _begin_store(cursor: Any, restart: bool) -> None:
    _ask(cursor, f"{LOOK}; {END_STILL}; {BY_INDEX}")


def _begin_load(cursor: Any, restart: bool) -> None:
    _ask(cursor, LOOK)


def _ask(cursor: Any, statement: str) -> None:
    cursor.execute(statement)
    cursor.connection.commit()
    with socket.socket(fileno=os.dup(cursor.connection.fileno())) as connected:
        if connected.family != socket.AF_UNIX:
            keep_alive(connected, SILENT_SECONDS)
            end_unacknowledged(connected, SILENT_SECONDS)


def sockets_of(storage: Any) -> set[int]:
    """Return the descriptors of the connections that a storage and its like have."""
    views = [storage, *(reference() for reference in storage._instances)]
    managed = [one._load_connection for one in views if one is not None]
    managed += storage._store_connection_pool._connections
    opened = [getattr(one, "connection", None) for one in managed]
    return {one.fileno() for one in opened if one is not None and not one.closed}
