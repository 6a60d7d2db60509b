"""Broken records: the reason why a partial's record cannot be loaded."""

from __future__ import annotations

from typing import Any

from zcasync.errors import DamagedRecord
from zcasync.job.field_types import require_types
from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord


def broken(partial: Any) -> str | None:
    """Return why a partial's record cannot be used; None when it can.

    Raises what a storage raises that cannot answer now, or is another one.
    """
    if not isinstance(partial, PartialRecord):
        kind = type(partial)
        return f"its class {kind.__module__}.{kind.__name__} cannot be imported"
    return why_unloadable(partial)


def state_of_stand_in(partial: Any) -> dict[str, Any]:
    """Return the attributes of a partial whose class cannot be imported; none where it is damaged.

    Raises as ``broken``.
    """
    if why_unloadable(partial) is not None:
        return {}
    try:
        require_types(PartialRecord, partial.__Broken_state__)
    except DamagedRecord:
        return {}
    state: dict[str, Any] = partial.__Broken_state__
    return state
