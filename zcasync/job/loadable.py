"""Loadable records: the reason why a record cannot be loaded, whatever it is about."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.errors import FOREIGN_CODE, FencedError
from zcasync.text import message_of
from zcasync.zeo.connections import ghost

#: A process that has no room for so much is short of memory.
ROOM_BYTES = 64 * 1024 * 1024


def why_unloadable(record: Any) -> str | None:
    """Return why a persistent object's record cannot be loaded; None when it can.

    Raises what a storage raises that cannot answer now, or is another one; StateLoadError in a
    process that is short of memory.
    """
    try:
        record._p_activate()
    except POSKeyError:
        return "its record is missing"
    except (TransientError, StorageError, FencedError):
        raise  # the fault of the storage, not of the record
    except FOREIGN_CODE as error:  # all that loading the record's classes raises is a reason
        cause = error.__cause__ or error  # ZODB's own StateLoadError names no cause
        if isinstance(cause, MemoryError) and not _has_memory():
            raise  # the fault of this process, and of this moment
        return f"its record cannot be loaded: {type(cause).__name__}: {message_of(cause)[:500]}"
    return None


def _has_memory() -> bool:
    """Return whether there is room for any record; damaged ones ask for more than there can be."""
    try:
        bytearray(ROOM_BYTES)
    except MemoryError:
        return False
    return True


def get(connection: Any, oid: bytes, kind: type) -> Any:
    """Return an object by its oid, one of ``kind`` where its record does not even say its class.

    ``why_unloadable`` says what is wrong with that.  Raises POSKeyError where there is no record,
    and what a storage raises that cannot answer now.
    """
    try:
        return connection.get(oid)
    except (POSKeyError, TransientError, StorageError, FencedError):
        raise
    except FOREIGN_CODE:  # all that a record raises that is not one of ours any more
        return ghost(connection, oid, kind)
