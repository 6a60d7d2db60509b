"""Lines: the connections of a listening thread to a relational database, one at a time.

A line that hears waits for NOTIFYs; any other can only look what was committed.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

from ZODB.POSException import ReadConflictError

from zcasync.keepalive import end_unacknowledged, keep_alive
from zcasync.relstorage.ring import CHANNEL, own_sessions, read_payload
from zcasync.relstorage.storages import is_postgresql

#: What commits have written, by their transaction ids.
Commits = dict[int, set[int]]

#: A connection whose other end is silent or takes nothing for so long is ended, seconds.
SILENCE_SECONDS = 20
NAME = "zcasync: listening"
#: Which transaction has written some objects.
WRITTEN = "SELECT zoid, tid FROM object_state WHERE zoid = ANY(%s::bigint[])"
WRITTEN_WITH_HISTORY = "SELECT zoid, tid FROM current_object WHERE zoid = ANY(%s::bigint[])"


class Heard(NamedTuple):
    """What a NOTIFY says.  ``oids`` None: anything; ``is_own``: one of our connections sent it."""

    oids: list[int] | None
    is_own: bool


class Line(Protocol):
    """A connection of a listening thread.  All but ``close`` raise what ``errors`` lists."""

    #: Whether NOTIFYs are heard.
    hears: bool

    def wait(self, seconds: float) -> list[Heard]:
        """Wait for a NOTIFY, at most so long; return all that have come."""

    def newest(self) -> int:
        """Return the id of the last transaction."""

    def since(self, tid: int) -> tuple[Commits | None, int]:
        """Return what was committed after a transaction, and the last one; None: not known."""

    def written(self, oids: Collection[int]) -> Commits:
        """Return the last commits that have written these."""

    def close(self) -> None:
        """Hang up.  Raises nothing."""


def errors(adapter: Any) -> tuple[type[BaseException], ...]:
    """Return what a line raises that is lost, or cannot be opened.

    A server that is behind the last one, after a failover, is one reason more.
    """
    driver = adapter.driver
    return (driver.driver_module.Error, OSError, ReadConflictError, *driver.disconnected_exceptions)


def open_line(adapter: Any) -> Line:
    """Connect; the line hears where server and driver can."""
    if not is_postgresql(adapter):
        return LookingLine(adapter)
    conn, cursor = adapter.connmanager.open(application_name=NAME)
    if hasattr(conn, "notifies") and hasattr(conn, "poll"):
        return _opened_line(adapter, conn, cursor)
    adapter.connmanager.close(conn, cursor)
    return LookingLine(adapter)


def _opened_line(adapter: Any, conn: Any, cursor: Any) -> Line:
    try:
        return HearingLine(adapter, conn, cursor)
    except errors(adapter):
        adapter.connmanager.close(conn, cursor)
        raise


class _Questions:
    """What both lines ask the server."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter.new_instance()  # its compiled queries belong to one thread

    def _newest(self, cursor: Any) -> int:
        return int(self._adapter.poller.get_current_tid(cursor))

    def _since(self, conn: Any, cursor: Any, tid: int) -> tuple[Commits | None, int]:
        rows, newest = self._adapter.poller.poll_invalidations(conn, cursor, tid)
        return None if rows is None else _by_tid(rows), newest


def _by_tid(rows: Collection[tuple[int, int]]) -> Commits:
    commits: Commits = defaultdict(set)
    for oid, tid in rows:
        commits[tid].add(oid)
    return commits


class HearingLine(_Questions):
    """A connection of its own to PostgreSQL, in no transaction, that LISTENs."""

    hears = True

    def __init__(self, adapter: Any, conn: Any, cursor: Any) -> None:
        super().__init__(adapter)
        self._conn, self._cursor = conn, cursor
        self._own = own_sessions(adapter.connmanager)
        self._written = WRITTEN_WITH_HISTORY if adapter.keep_history else WRITTEN
        conn.autocommit = True
        _end_when_silent(conn.fileno())
        cursor.execute(f"LISTEN {CHANNEL}")
        self._selector = selectors.DefaultSelector()
        self._selector.register(conn.fileno(), selectors.EVENT_READ)

    def wait(self, seconds: float) -> list[Heard]:
        """See Line."""
        notifies = self._conn.notifies  # some are heard with the answers to questions
        if not notifies and self._selector.select(seconds):
            self._conn.poll()
        heard, notifies[:] = list(notifies), []
        return [Heard(read_payload(one.payload), one.pid in self._own) for one in heard]

    def newest(self) -> int:
        """See Line."""
        return self._newest(self._cursor)

    def since(self, tid: int) -> tuple[Commits | None, int]:
        """See Line."""
        return self._since(self._conn, self._cursor, tid)

    def written(self, oids: Collection[int]) -> Commits:
        """See Line."""
        self._cursor.execute(self._written, (list(oids),))
        return _by_tid(self._cursor.fetchall())

    def close(self) -> None:
        """See Line."""
        self._selector.close()
        self._adapter.connmanager.close(self._conn, self._cursor)


class LookingLine(_Questions):
    """A connection as RelStorage's own that load, to any server."""

    hears = False

    def __init__(self, adapter: Any) -> None:
        super().__init__(adapter)
        self._manager = self._adapter.connmanager
        self._conn, self._cursor = self._manager.open_for_load()

    def wait(self, seconds: float) -> list[Heard]:
        """See Line."""
        time.sleep(seconds)
        return []

    def newest(self) -> int:
        """See Line."""
        self._manager.restart_load(self._conn, self._cursor)
        return self._newest(self._cursor)

    def since(self, tid: int) -> tuple[Commits | None, int]:
        """See Line."""
        self._manager.restart_load(self._conn, self._cursor)
        found = self._since(self._conn, self._cursor, tid)
        self._manager.rollback(self._conn, self._cursor)  # no snapshot is kept while it waits
        return found

    def written(self, oids: Collection[int]) -> Commits:
        """See Line; never asked where nothing is heard."""
        raise NotImplementedError

    def close(self) -> None:
        """See Line."""
        self._manager.rollback_and_close(self._conn, self._cursor)


def _end_when_silent(descriptor: int) -> None:
    """Let the kernel end a TCP connection whose other end is gone without a word."""
    with socket.socket(fileno=os.dup(descriptor)) as connected:
        if connected.family == socket.AF_UNIX:
            return
        keep_alive(connected, SILENCE_SECONDS)
        end_unacknowledged(connected, SILENCE_SECONDS)
