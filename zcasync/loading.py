"""Loading many records with one question to the storage, where its server knows how to answer.

ZEO answers for one record at a time, and most of what that costs is spent around the answer, on
both sides.  The embedded default's server has ``load_many``; with any other one the records are
prefetched, which at least asks for all of them before waiting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from ZEO.ClientStorage import ClientStorage

#: The name of the server's method, and the key that says in the server's info that it has it.
LOAD_MANY = "load_many"
#: What is larger is not worth asking for unless it is needed.
LARGE_BYTES = 16384

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


@contextlib.contextmanager
def at_hand(connection: Any, oids: Iterable[bytes]) -> Iterator[None]:
    """Ask for all of these at once, before the first of them is needed in this block.

    For what is known to be needed soon, in part: records of which no object is made are forgotten.
    A record of more than LARGE_BYTES is only loaded when it is needed.
    """
    missing = [oid for oid in oids if not _is_loaded(connection, oid)]
    if len(missing) < 2 or not _can_load_many(connection):
        yield
        return
    found = _ask(connection, missing, LARGE_BYTES)
    setattr(connection, AT_HAND, found)
    try:
        with _answering(connection, found):
            yield
    finally:
        delattr(connection, AT_HAND)


def _is_loaded(connection: Any, oid: bytes) -> bool:
    obj = connection._cache.get(oid)
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
    answers = ask(LOAD_MANY, oids, connection._storage._start, *limit)
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
