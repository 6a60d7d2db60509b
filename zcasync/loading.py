"""Loading many records with one question to the storage, where its server knows how to answer.

ZEO answers for one record at a time, and most of what that costs is spent around the answer, on
both sides.  The embedded default's server has ``load_many``; with any other one the records are
prefetched, which at least asks for all of them before waiting.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

#: The name of the server's method, and the key that says in the server's info that it has it.
LOAD_MANY = "load_many"


def load_all(connection: Any, oids: Iterable[bytes]) -> None:
    """Load the objects with these oids that are not loaded.

    What cannot be loaded is left alone: whoever uses it gets the error.
    """
    missing = [oid for oid in oids if not _is_loaded(connection, oid)]
    if len(missing) < 2:
        return
    if not _can_load_many(connection):
        connection.prefetch(missing)
        return
    view = connection._storage
    answers = connection.db().storage._call(LOAD_MANY, missing, view._start)
    _load(connection, dict(zip(missing, answers, strict=True)))


def _is_loaded(connection: Any, oid: bytes) -> bool:
    obj = connection._cache.get(oid)
    return obj is not None and obj._p_changed is not None


def _can_load_many(connection: Any) -> bool:
    # Behind a savepoint the records come from a temporary storage, too.
    info = getattr(connection.db().storage, "_info", {})
    return LOAD_MANY in info and connection._savepoint_storage is None


def _load(connection: Any, found: dict[bytes, tuple[bytes, bytes] | None]) -> None:
    """Load the objects as the connection does it, with answers that are there already."""
    view = connection._storage
    load = view.load
    view.load = lambda oid: found.get(oid) or load(oid)
    try:
        for oid, answer in found.items():
            if answer is not None:
                with contextlib.suppress(Exception):  # a broken record: its user will hear of it
                    connection.get(oid)._p_activate()
    finally:
        del view.load
