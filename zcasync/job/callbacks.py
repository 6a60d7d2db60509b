"""Callbacks: adding them, and the callables behind them that choose or hand a result on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.python.failure import Failure

from zcasync.job.record import PartialRecord


@dataclass(frozen=True)
class Delegate:
    """Returned by a callable: run this partial here and now, and take its result as mine."""

    partial: PartialRecord
    args: tuple[Any, ...]


def choose(success: PartialRecord | None, failure: PartialRecord | None, result: Any) -> Any:
    """Call ``success`` or ``failure`` with the result; without one, pass the result on."""
    chosen = failure if isinstance(result, Failure) else success
    return result if chosen is None else Delegate(chosen, (result,))


def adopt(waiting: PartialRecord, result: Any) -> None:
    """Give a partial that waits for another one its result.

    Only the one it really waits for counts: a late call for a partial that has ended is no news.
    """
    if waiting._waits_for is not None:
        waiting._settle(result)
        require_all_callbacks(waiting)


def require_all_callbacks(partial: PartialRecord) -> None:
    """Let the commit fail with a ConflictError when a callback is added at the same time.

    For whoever settles a partial and will not look at it again.
    """
    sidecar = partial._sidecar
    if sidecar is not None and sidecar._p_jar is not None and not sidecar._p_changed:
        sidecar._p_jar.readCurrent(sidecar)
