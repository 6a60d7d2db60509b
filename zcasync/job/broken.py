"""Broken records: the reason why a partial's record cannot be loaded."""

from __future__ import annotations

from typing import Any

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
