"""Broken records: the reason why a partial's record cannot be loaded."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.errors import FOREIGN_CODE
from zcasync.job.record import PartialRecord


def broken(partial: Any) -> str | None:
    """Return why a partial's record cannot be used; None when it can.

    Raises what a storage raises that cannot answer now.
    """
    if not isinstance(partial, PartialRecord):
        kind = type(partial)
        return f"its class {kind.__module__}.{kind.__name__} cannot be imported"
    try:
        partial._p_activate()
    except POSKeyError:
        return "its record is missing"
    except (TransientError, StorageError):
        raise  # the fault of the storage, not of the record
    except FOREIGN_CODE as error:  # all that loading the record's classes raises is a reason
        cause = error.__cause__ or error  # ZODB's own StateLoadError names no cause
        return f"its record cannot be loaded: {type(cause).__name__}: {cause}"
    return None
