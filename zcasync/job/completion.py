"""Settling: what a returned value makes of a partial, and when nothing is left to do for it."""

from __future__ import annotations

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.callbacks import require_all_callbacks
from zcasync.job.record import PartialRecord

#: What the callable of a callback that hands a result on is called in records.
ADOPT = "zcasync.job.callbacks:adopt"


def is_done(partial: PartialRecord) -> bool:
    """Whether nothing is left to do for it here: it is over, or waits for another partial.

    A completed partial counts as undone while a callback that came in the last moment waits.
    """
    if partial.state in (PENDING, CALLBACKS):
        return False
    if partial.state == ACTIVE:
        return partial._waits_for is not None
    waiting = waiter(partial)
    return all(map(is_done, partial.callbacks)) and (
        waiting is None or waiting.state != CALLBACKS or is_done(waiting)
    )


def complete(partial: PartialRecord) -> bool:
    """Move it from CALLBACKS to COMPLETED when every callback is done; whether it was moved.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    if partial.state != CALLBACKS or not all(map(is_done, partial.callbacks)):
        return False
    partial._move_to(COMPLETED)
    require_all_callbacks(partial)
    return True


def waiter(partial: PartialRecord) -> PartialRecord | None:
    """The partial that this one, a callback that hands a result on, gives its result to."""
    return partial._args[0] if partial._call == ADOPT else None
