"""Loading many records with one request to the storage, where its server can answer that.

ZEO answers for one record at a time, and most of the cost is spent around the answer, on both
sides.  The embedded default's server has ``load_many``; with any other one the records are
prefetched, which at least asks for all of them before waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from transaction.interfaces import TransientError
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB.utils import p64, u64

from zcasync.zeo.connections import cached, view_end

#: The name of the server's method, and the key in the server's info that announces it.
LOAD_MANY = "load_many"
#: Larger records are not requested until they are needed.
LARGE_BYTES = 16384
#: The longest wait for records that were requested ahead, before they are requested again.
AHEAD_SECONDS = 1.0

#: Data and serial.
Record = tuple[bytes, bytes]


#: The attribute of a connection that is there while it loads what nobody has asked for yet.
IS_AHEAD = "_zcasync_is_ahead"

#: The attribute of a connection with the records that are at hand: oid -> (data, serial).
AT_HAND = "_zcasync_at_hand"


class NotNow(TransientError):
    """A module is to be imported when its object is needed, by the job that needs it."""


def require_imported(connection: Any, module: str) -> None:
    """Raise NotNow where a module would be imported for an object that nobody has asked for yet.

    To be called by the class factory of databases in which jobs are performed: importing may end
    the process, and it would be another job's that is charged with it.
    """
    if getattr(connection, IS_AHEAD, False) and module not in sys.modules:
        raise NotNow(f"{module} is not imported yet")


def load_all(connection: Any, oids: Iterable[bytes]) -> None:
    """Load the objects with these oids that are not loaded.

    What cannot be loaded, or would have a module imported, is left alone: the code that uses it
    loads it, and gets the error.
    """
    at_hand = getattr(connection, AT_HAND, {})
    missing = [oid for oid in oids if oid not in at_hand and not _is_loaded(connection, oid)]
    if len(missing) < 2:
        return
    if not _can_load_many(connection):
        connection.prefetch(missing)
        return
    _activate(connection, _ask(connection, missing))


class ReadAhead:
    """Records that were requested when a commit was announced, as the commit has left them."""

    def __init__(self, tid: bytes) -> None:
        self._start = p64(u64(tid) + 1)
        self._answered = threading.Event()
        self._found: dict[bytes, Record] | None = None

    def answer(self, oids: list[bytes], future: Any) -> None:
        """Take the server's answer, or notice that the server is gone."""
        with contextlib.suppress(Exception):  # then they are requested when they are needed
            self._found = _pairs(oids, future.result())
        self._answered.set()

    def seen_by(self, connection: Any) -> dict[bytes, Record] | None:
        """Return the records, if they are what the connection's present transaction sees."""
        if view_end(connection) != self._start or not self._answered.wait(AHEAD_SECONDS):
            return None
        return self._found


def ask_ahead(db: Any, tid: bytes, oids: Iterable[bytes]) -> ReadAhead | None:
    """Request what a commit has written when it is announced, in the network's thread.

    No thread waits for that yet: the others have to wake up first.  None where no request is
    possible; raises nothing, because that would keep other listeners from being notified.
    """
    storage = db.storage
    if not isinstance(storage, ClientStorage) or LOAD_MANY not in (storage._info or ()):
        return None
    client, wanted, made = storage._server.client, list(oids), ReadAhead(tid)
    # A thread interrupted in a commit announces it in its own thread, where nothing may be sent.
    if not client.operational or not _runs_in(client.loop):
        return None
    try:
        future = client.protocol.server_call(LOAD_MANY, wanted, made._start, LARGE_BYTES)
    except ClientDisconnected:
        return None
    future.add_done_callback(lambda future: made.answer(wanted, future))
    return made


def _runs_in(loop: Any) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:  # none runs in this thread
        return False


def load_ahead(connection: Any, oids: Iterable[bytes], ahead: ReadAhead | None) -> None:
    """Load the objects with these oids from what was requested, as far as it is usable."""
    found = None if ahead is None else ahead.seen_by(connection)
    if found and _can_load_many(connection):
        _activate(connection, {oid: found[oid] for oid in found.keys() & set(oids)})


@contextlib.contextmanager
def at_hand(
    connection: Any, oids: Iterable[bytes], ahead: ReadAhead | None = None
) -> Iterator[None]:
    """Request all of these at once, before the first of them is needed in this block.

    For what is known to be needed soon, in part: records of which no object is made are forgotten.
    A record of more than LARGE_BYTES is only loaded when it is needed.  ``ahead``: what was
    requested already.
    """
    missing = [oid for oid in oids if not _is_loaded(connection, oid)]
    if len(missing) < 2 or not _can_load_many(connection):
        if len(missing) > 1 and not isinstance(connection.db().storage, ClientStorage):
            connection.prefetch(missing)
        yield
        return
    found = None if ahead is None else ahead.seen_by(connection)
    if found is None:
        found = _ask(connection, missing, LARGE_BYTES)
    setattr(connection, AT_HAND, found)
    try:
        with _answering(connection, found):
            yield
    finally:
        delattr(connection, AT_HAND)


def lists_records(storage: Any) -> bool:
    """Return whether a storage can name its records one after the other."""
    if isinstance(storage, ClientStorage):  # its server would hang up on a question that it lacks
        return bool((storage._info or {}).get("supports_record_iternext"))
    return hasattr(storage, "record_iternext")


def _is_loaded(connection: Any, oid: bytes) -> bool:
    obj = cached(connection, oid)
    return obj is not None and obj._p_changed is not None


def _can_load_many(connection: Any) -> bool:
    # Behind a savepoint the records come from a temporary storage, too.
    storage = connection.db().storage
    if not isinstance(storage, ClientStorage):  # one around it may change what is stored
        return False
    return LOAD_MANY in (storage._info or ()) and connection._savepoint_storage is None


def _ask(connection: Any, oids: list[bytes], *limit: int) -> dict[bytes, Record]:
    """Return the records of these that the connection's present transaction sees."""
    ask = connection.db().storage._call
    return _pairs(oids, ask(LOAD_MANY, oids, view_end(connection), *limit))


def _pairs(oids: list[bytes], answers: list[Record | None]) -> dict[bytes, Record]:
    pairs = zip(oids, answers, strict=True)
    return {oid: answer for oid, answer in pairs if answer is not None}


def _activate(connection: Any, found: dict[bytes, Record]) -> None:
    """Load the objects of these records."""
    setattr(connection, IS_AHEAD, True)
    try:
        with _answering(connection, found):
            for oid in found:
                with contextlib.suppress(Exception):  # a broken record: its user gets the error
                    connection.get(oid)._p_activate()
    finally:
        delattr(connection, IS_AHEAD)


@contextlib.contextmanager
def _answering(connection: Any, found: dict[bytes, Record]) -> Iterator[None]:
    """Let the connection load objects as usual, but take these answers first."""
    view = connection._storage
    before = view.__dict__.get("load")
    load = view.load
    view.load = lambda oid: found.get(oid) or load(oid)
    try:
        yield
    finally:
        if before is None:
            del view.load
        else:
            view.load = before
