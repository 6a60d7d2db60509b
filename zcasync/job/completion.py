"""Completion: how a partial ends, and when nothing is left to do for it.

Partials make chains of any length, of callbacks and of partials that wait for each other, so what
walks over them is a loop.
"""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from twisted.python.failure import Failure
from zope.event import notify

from zcasync.errors import FOREIGN_CODE, UnstorableError
from zcasync.events import is_heard
from zcasync.interfaces import (
    ACTIVE,
    CALLBACKS,
    COMPLETED,
    PENDING,
    IJobCompletedEvent,
    JobCompleted,
)
from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord


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
    if not isinstance(result, Failure) and is_heard(IJobCompletedEvent):
        _tell(partial)
    if not follows_up:
        check_callbacks_current(partial)
    elif partial.state == CALLBACKS and partial.queue is not None and not was_claimed:
        # This process may die before it has run them; a claim list may still hold the partial.
        partial.disown()
        partial.queue.hand_over_callbacks(partial)
    waiting = waiter(partial)
    if waiting is not None and isinstance(result, Failure) and waiting.waits_for is partial.parent:
        end(waiting, result)  # nobody else would ever give it one
    if partial.parent is not None and is_done(partial):
        complete(partial.parent)


def _tell(partial: PartialRecord) -> None:
    """Tell, in this transaction, that a partial has its result.  Raises UnstorableError."""
    try:
        notify(JobCompleted(partial))
    except TransientError:
        raise  # the transaction is repeated
    except FOREIGN_CODE as error:
        raise UnstorableError(
            f"a subscriber to JobCompleted refuses the result: {type(error).__name__}: {error}"
        ) from error


def is_done(partial: PartialRecord) -> bool:
    """Return whether nothing is left to do here: the partial is finished, or waits for another.

    Nobody does anything for one that cannot be loaded.  A completed partial counts as undone while
    a callback waits that came in the last moment.
    """
    unseen = [partial]
    while unseen:
        one = unseen.pop()
        if why_unloadable(one) is not None:
            continue
        if is_open(one):
            return False
        if one.state != ACTIVE:
            unseen += one.stored_callbacks
    return True


def is_open(partial: PartialRecord) -> bool:
    """Return whether something is left to do for a partial, as far as its own record says.

    Callbacks that a completed one did not know are not looked for.
    """
    state = partial.state
    if state == COMPLETED:
        waiting = waiter(partial)
        return waiting is not None and waiting.state == CALLBACKS
    return state != ACTIVE or partial.waits_for is None


def complete(partial: PartialRecord) -> None:
    """Complete a partial in CALLBACKS when every callback is done.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    # The last one first: callbacks run in their order, so it is the last to be done, and no other
    # one is looked at until it is.
    if partial.state == CALLBACKS and all(map(is_done, reversed(partial.stored_callbacks))):
        close(partial)


def close(partial: PartialRecord) -> None:
    """Complete a partial in CALLBACKS of which the caller knows that every callback is done.

    The commit fails with a ConflictError when a callback is added at the same time.
    """
    partial.complete()
    check_callbacks_current(partial)


def waiter(partial: PartialRecord) -> PartialRecord | None:
    """Return the partial that this one, a callback that hands on a result, gives it to; or None.

    None, too, where that cannot be loaded: nobody could give it anything.
    """
    told = partial.stored_arguments if partial.is_adoption else ()
    found = told[0] if told else None
    is_usable = isinstance(found, PartialRecord) and why_unloadable(found) is None
    return found if is_usable else None


def check_callbacks_current(partial: PartialRecord) -> None:
    """Make the commit fail with a ConflictError when a callback is added at the same time.

    For a caller that changes a partial and does not check it again.
    """
    sidecar = partial._sidecar
    if sidecar is not None and sidecar._p_jar is not None and not sidecar._p_changed:
        sidecar._p_jar.readCurrent(sidecar)
