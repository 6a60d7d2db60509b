"""Completion: how a partial ends, and when nothing is left to do for it."""

from __future__ import annotations

from typing import Any

from zcasync.interfaces import ACTIVE, CALLBACKS, PENDING
from zcasync.job.record import PartialRecord

#: What the callable of a callback that hands a result on is called in records.
ADOPT = "zcasync.job.callbacks:adopt"


def end(partial: PartialRecord, result: Any, *, follows_up: bool = False) -> None:
    """End a partial with this (storable) result, and do what that owes to others.

    The one way out for every partial: of the performer, of a pass for one whose process died, of an
    operator's cancel, of its application, and of a partial whose result it has waited for.

    ``follows_up``: the caller runs the callbacks afterwards, in transactions to come.  Otherwise a
    callback that is added at the same time, and would be missed, makes the commit fail with a
    ConflictError.
    """
    was_claimed = partial.is_unfinished
    if partial.state == PENDING and partial.queue is not None:
        partial.queue.drop_entry(partial)
    partial.finish(result)
    if not follows_up:
        check_callbacks_current(partial)
    elif partial.state == CALLBACKS and partial.queue is not None and not was_claimed:
        # Its caller may die before it has run them; it may also be in a claim list, still.
        partial.disown()
        partial.queue.hand_over_callbacks(partial)
    if partial.parent is not None and is_done(partial):
        complete(partial.parent)


def is_done(partial: PartialRecord) -> bool:
    """Return whether nothing is left to do for it here: it is over, or waits for another partial.

    A completed partial counts as undone while a callback that came in the last moment waits.
    """
    if partial.state in (PENDING, CALLBACKS):
        return False
    if partial.state == ACTIVE:
        return partial.waits_for is not None
    waiting = waiter(partial)
    return all(map(is_done, partial.callbacks)) and (
        waiting is None or waiting.state != CALLBACKS or is_done(waiting)
    )


def complete(partial: PartialRecord) -> bool:
    """Move it from CALLBACKS to COMPLETED when every callback is done; return whether it moved.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    if partial.state != CALLBACKS or not all(map(is_done, partial.callbacks)):
        return False
    partial.complete()
    check_callbacks_current(partial)
    return True


def waiter(partial: PartialRecord) -> PartialRecord | None:
    """Return the partial that this one, a callback that hands a result on, gives its result to."""
    return partial._args[0] if partial._call == ADOPT else None


def check_callbacks_current(partial: PartialRecord) -> None:
    """Let the commit fail with a ConflictError when a callback is added at the same time.

    For the caller that changes a partial and will not look at it again.
    """
    sidecar = partial._sidecar
    if sidecar is not None and sidecar._p_jar is not None and not sidecar._p_changed:
        sidecar._p_jar.readCurrent(sidecar)
