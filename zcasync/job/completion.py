"""Completion: how a partial ends, and when nothing is left to do for it."""

from __future__ import annotations

from typing import Any

from zcasync.interfaces import ACTIVE, CALLBACKS, PENDING
from zcasync.job.record import PartialRecord

#: The stored name of the callable of a callback that hands a result on.
ADOPT = "zcasync.job.callbacks:adopt"


def end(partial: PartialRecord, result: Any, *, follows_up: bool = False) -> None:
    """End a partial with this (storable) result, and do all that follows from it in this commit.

    The only way out for a partial: the performer, a poll pass for a partial whose process has died,
    an operator's cancel, the application, and the result that a partial has waited for end it here.

    ``follows_up``: the caller runs the callbacks afterwards, in later transactions.  Otherwise a
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
        # This process may die before it has run them; a claim list may still hold the partial.
        partial.disown()
        partial.queue.hand_over_callbacks(partial)
    if partial.parent is not None and is_done(partial):
        complete(partial.parent)


def is_done(partial: PartialRecord) -> bool:
    """Return whether nothing is left to do here: the partial is finished, or waits for another.

    A completed partial counts as undone while a callback waits that came in the last moment.
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
    """Complete a partial in CALLBACKS when every callback is done; return whether it was.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    if partial.state != CALLBACKS or not all(map(is_done, partial.callbacks)):
        return False
    partial.complete()
    check_callbacks_current(partial)
    return True


def waiter(partial: PartialRecord) -> PartialRecord | None:
    """Return the partial that this one, a callback that hands on a result, gives it to; or None."""
    return partial._args[0] if partial._call == ADOPT else None


def check_callbacks_current(partial: PartialRecord) -> None:
    """Make the commit fail with a ConflictError when a callback is added at the same time.

    For a caller that changes a partial and does not check it again.
    """
    sidecar = partial._sidecar
    if sidecar is not None and sidecar._p_jar is not None and not sidecar._p_changed:
        sidecar._p_jar.readCurrent(sidecar)
