"""Loading many records with one question to the storage, where its server knows how to answer.

ZEO answers for one record at a time, and most of what that costs is spent around the answer, on
both sides.  The embedded default's server has ``load_many``; with any other one the records are
prefetched, which at least asks for all of them before waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB.utils import p64, u64

from zcasync.zeo.connections import cached, view_end

#: The name of the server's method, and the key that says in the server's info that it has it.
LOAD_MANY = "load_many"
#: What is larger is not worth asking for unless it is needed.
LARGE_BYTES = 16384
#: How long to wait for what was asked for ahead before it is asked for again.
AHEAD_SECONDS = 1.0

#: Data and serial.
Record = tuple[bytes, bytes]


#: The attribute of a connection with the records that are at hand: oid -> (data, serial).
AT_HAND = "_zcasync_at_hand"


def load_all(connection: Any, oids: Iterable[bytes]) -> None:
    """Load the objects with these oids that are not loaded.

    What cannot be loaded is left alone: whoever uses it gets the error.
    """
    at_hand = getattr(connection, AT_HAND, {})
    missing = [oid for oid in oids if oid not in at_hand and not _is_loaded(connection, oid)]
    if len(missing) < 2:
        return
    if not _can_load_many(connection):
        connection.prefetch(missing)
        return
    found = _ask(connection, missing)
    with _answering(connection, found):
        for oid in found:
            with contextlib.suppress(Exception):  # a broken record: its user will hear of it
                connection.get(oid)._p_activate()


class ReadAhead:
    """Records that were asked for when a commit was heard of, as it has left them."""

    def __init__(self, tid: bytes) -> None:
        self._start = p64(u64(tid) + 1)
        self._answered = threading.Event()
        self._found: dict[bytes, Record] | None = None

    def answer(self, oids: list[bytes], future: Any) -> None:
        """The server has answered, or is gone."""
        with contextlib.suppress(Exception):  # then they are asked for when they are needed
            self._found = _pairs(oids, future.result())
        self._answered.set()

    def seen_by(self, connection: Any) -> dict[bytes, Record] | None:
        """The records, if they are what the connection's present transaction sees."""
        if view_end(connection) != self._start or not self._answered.wait(AHEAD_SECONDS):
            return None
        return self._found


def ask_ahead(db: Any, tid: bytes, oids: Iterable[bytes]) -> ReadAhead | None:
    """Ask for what a commit has written when it is heard of, in the network's thread.

    Nobody waits for that yet: other threads have to wake up first.  None where it cannot be asked;
    raises nothing, for that would keep the others who listen from hearing of the commit.
    """
    storage = db.storage
    if not isinstance(storage, ClientStorage) or LOAD_MANY not in (storage._info or ()):
        return None
    client, wanted, made = storage._server.client, list(oids), ReadAhead(tid)
    # Who is interrupted in a commit tells of it in its own thread, where nothing may be sent.
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
    """Load the objects with these oids from what was asked for, as far as it is good for that."""
    found = None if ahead is None else ahead.seen_by(connection)
    if found and _can_load_many(connection):
        with _answering(connection, found):
            for oid in found.keys() & set(oids):
                with contextlib.suppress(Exception):  # its user will hear of it
                    connection.get(oid)._p_activate()


@contextlib.contextmanager
def at_hand(
    connection: Any, oids: Iterable[bytes], ahead: ReadAhead | None = None
) -> Iterator[None]:
    """Ask for all of these at once, before the first of them is needed in this block.

    For what is known to be needed soon, in part: records of which no object is made are forgotten.
    A record of more than LARGE_BYTES is only loaded when it is needed.  ``ahead``: what was asked
    for already.
    """
    missing = [oid for oid in oids if not _is_loaded(connection, oid)]
    if len(missing) < 2 or not _can_load_many(connection):
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
    """What the connection's present transaction sees of these, as far as there is anything."""
    ask = connection.db().storage._call
    return _pairs(oids, ask(LOAD_MANY, oids, view_end(connection), *limit))


def _pairs(oids: list[bytes], answers: list[Record | None]) -> dict[bytes, Record]:
    pairs = zip(oids, answers, strict=True)
    return {oid: answer for oid, answer in pairs if answer is not None}


@contextlib.contextmanager
def _answering(connection: Any, found: dict[bytes, Record]) -> Iterator[None]:
    """Let the connection load objects as ever, but with these answers as far as they go."""
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
