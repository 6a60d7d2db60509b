"""Conflicts: which object an attempt has conflicted on, for those who count that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ZODB.POSException import ConflictError, POSError

from zcasync.job.conflict_counts import Conflict
from zcasync.job.ids import hex_oid
from zcasync.job.record import PartialRecord

#: What is said of an object whose class is not known.
UNKNOWN = "?"


def conflict_of(error: BaseException, partials: Iterable[PartialRecord]) -> Conflict | None:
    """Return the conflict that these partials are attempted again for; None: it names no object.

    Several have shared a commit.
    """
    found = list(partials)
    oid = getattr(error, "oid", None)
    if not isinstance(error, ConflictError) or not isinstance(oid, bytes) or not found:
        return None
    kind = error.class_name or _kind(found[0]._p_jar, oid)
    calls = dict.fromkeys(str(one.callable_name) for one in found)
    return Conflict(str(kind), hex_oid(oid), tuple(calls))


def _kind(jar: Any, oid: bytes) -> str:
    """Return the name of the class of an object: an error about what was only read names none."""
    try:
        kind = type(jar.get(oid))
    except (POSError, AttributeError):  # the storage is away, or it is in another database
        return UNKNOWN
    return f"{kind.__module__}.{kind.__qualname__}"
