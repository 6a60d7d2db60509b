"""Why a partial's record cannot be loaded."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.errors import FOREIGN_CODE
from zcasync.job.record import PartialRecord


def broken(partial: Any) -> str | None:
    """Why a partial's record cannot be used; None when it can."""
    if not isinstance(partial, PartialRecord):
        kind = type(partial)
        return f"its class {kind.__module__}.{kind.__name__} cannot be imported"
    try:
        partial._p_activate()
    except POSKeyError:
        return "its record is missing"
    except (TransientError, StorageError):
        raise  # the storage's trouble, not the record's
    except FOREIGN_CODE as error:  # whatever loading the record's classes raises is the reason
        cause = error.__cause__ or error  # ZODB's own StateLoadError says nothing
        return f"its record cannot be loaded: {type(cause).__name__}: {cause}"
    return None
