"""Ring: commits that write records of zcasync say so with a NOTIFY in their own transaction.

PostgreSQL delivers it when the commit is visible, and never when that is rolled back.  Commits that
write no such record send nothing: a NOTIFY takes a lock that all transactions with one share until
they are committed.  (RelStorage's own commits take turns anyway.)

The records are recognized on their way to the server, so it does not matter which connection, of
which process, has made them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from zcasync.relstorage.storages import adapter_of, is_postgresql
from zcasync.relstorage.temporary_tables import note_written

#: A channel is one of a database, which has one RelStorage.
CHANNEL = "zcasync_commits"
NOTIFY = "SELECT pg_notify(%s, %s)"
#: A payload has less than 8,000 bytes; without oids it stands for anything.
MOST_BYTES = 7_900
SEPARATOR = ","

#: What the record of an object of ours has behind the number of the pickle's protocol.
OURS, OURS_AT = b"czcasync.", slice(2, 11)
#: What zc.zlibstorage has changed begins so; as much of it is read as the name of a class needs.
COMPRESSED, READ_BYTES = b".z", 64

#: The attribute of what all connections of a database share: the processes at the server that have
#: committed for them.
SESSIONS = "zcasync_sessions"

#: (state, oid, serial) as RelStorage hands records on.
Record = tuple[Any, int, int]


def ring_commits(db: Any) -> None:
    """Let all commits to a database ring that write records of ours.  Safe to repeat.

    Nothing happens where the storage is no RelStorage on PostgreSQL.  Connections that are open
    already ring, too.
    """
    adapter = adapter_of(db)
    if adapter is not None and is_postgresql(adapter):
        mover = adapter.mover  # which all connections of the database share
        if not isinstance(mover.store_temps, _Ringing):
            mover.store_temps = _Ringing(mover.store_temps, adapter.connmanager)


class _Ringing:
    """RelStorage's way of sending what a transaction has written, with a NOTIFY behind it."""

    def __init__(self, store_temps: Any, shared: Any) -> None:
        self._store_temps = store_temps
        self._shared = shared

    def __call__(self, cursor: Any, records: Iterable[Record]) -> None:
        noted = _Noted(records)
        self._store_temps(cursor, noted)
        note_written(self._shared, cursor.connection, len(noted.oids), noted.size)
        if noted.has_ours:
            info = getattr(cursor.connection, "info", None)  # not every driver has it
            own_sessions(self._shared).add(getattr(info, "backend_pid", 0))
            cursor.execute(NOTIFY, (CHANNEL, payload(noted.oids)))


def own_sessions(shared: Any) -> set[int]:
    """Return the server's processes that have sent a NOTIFY for connections of this database here.

    ``shared``: what all of these share, RelStorage's connection manager.
    """
    found = getattr(shared, SESSIONS, None)
    if found is None:
        found = set()
        setattr(shared, SESSIONS, found)
    return found  # type: ignore[no-any-return]


class _Noted:
    """Records that are noted while they are read."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = records
        self.oids: list[int] = []
        self.size = 0  # bytes
        self.has_ours = False

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            self.oids.append(record[1])
            self.size += len(record[0] or b"")
            self.has_ours = self.has_ours or is_ours(record[0])
            yield record


def is_ours(state: Any) -> bool:
    """Return whether a record is that of an object whose class is one of zcasync."""
    if state is None:  # deleted
        return False
    start = bytes(state[:READ_BYTES])
    if start.startswith(COMPRESSED):
        start = zlib.decompressobj().decompress(start[len(COMPRESSED) :], READ_BYTES)
    return start[OURS_AT] == OURS


def payload(oids: Iterable[int]) -> str:
    """Return the oids of a commit as text; empty where there are too many."""
    text = SEPARATOR.join(map(str, oids))
    return text if len(text) <= MOST_BYTES else ""


def read_payload(text: str) -> list[int] | None:
    """Return the oids that a payload names; None: it can be any.

    What others send on this channel counts as anything, too.
    """
    parts = text.split(SEPARATOR)
    return [int(one) for one in parts] if all(one.isdecimal() for one in parts) else None
