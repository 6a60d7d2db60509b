"""Loadable records: the reason why a record cannot be loaded, whatever it is about."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.errors import FOREIGN_CODE, FencedError
from zcasync.text import message_of
from zcasync.zeo.connections import ghost


def why_unloadable(record: Any) -> str | None:
    """Return why a persistent object's record cannot be loaded; None when it can.

    Raises what a storage raises that cannot answer now, or is another one.
    """
    try:
        record._p_activate()
    except POSKeyError:
        return "its record is missing"
    except (TransientError, StorageError, FencedError):
        raise  # the fault of the storage, not of the record
    except FOREIGN_CODE as error:  # all that loading the record's classes raises is a reason
        cause = error.__cause__ or error  # ZODB's own StateLoadError names no cause
        return f"its record cannot be loaded: {type(cause).__name__}: {message_of(cause)[:500]}"
    return None


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
