"""The callables behind callbacks: choosing by the outcome, and handing a result on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.python.failure import Failure

from zcasync.partial import Partial


@dataclass(frozen=True)
class Delegate:
    """Returned by a callable: run this partial here and now, and take its result as mine."""

    partial: Partial
    args: tuple[Any, ...]


def choose(success: Partial | None, failure: Partial | None, result: Any) -> Any:
    """Call ``success`` or ``failure`` with the result; without one, pass the result on."""
    chosen = failure if isinstance(result, Failure) else success
    return result if chosen is None else Delegate(chosen, (result,))


def adopt(waiting: Partial, result: Any) -> None:
    """Give a partial that waits for another one its result.

    Only the one it really waits for counts: a late call for a partial that has ended is no news.
    """
    if waiting._waits_for is not None:
        waiting._settle(result)
