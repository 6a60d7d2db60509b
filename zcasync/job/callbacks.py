"""The stored callables behind callbacks: choosing one of two, handing a result on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.python.failure import Failure

from zcasync.job.completion import end
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished


@dataclass(frozen=True)
class Delegate(Unpublished):
    """A callable's request: run this partial here and now, and use its result as mine."""

    partial: PartialRecord
    args: tuple[Any, ...]


def choose(success: PartialRecord | None, failure: PartialRecord | None, result: Any) -> Any:
    """Call ``success`` or ``failure`` with the result; without one, pass the result on."""
    chosen = failure if isinstance(result, Failure) else success
    return result if chosen is None else Delegate(chosen, (result,))


def adopt(waiting: PartialRecord, *told: Any) -> None:
    """Give the result of a partial to ``waiting``, which has waited for it.

    ``told``: that partial and the result; from an older record the result alone.  One that has
    ended meanwhile stays as it is, and so does one that was run again and waits for another now.
    """
    source, result = told[0] if len(told) > 1 else waiting.waits_for, told[-1]
    if waiting.waits_for is not None and waiting.waits_for is source:
        end(waiting, result)
