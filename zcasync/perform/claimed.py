"""Performing a claimed partial: the same in a child, for a reactor job and in a thread."""

from __future__ import annotations

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED
from zcasync.job.completion import is_done
from zcasync.job.deadline import is_too_late, too_late
from zcasync.job.failure import from_exception
from zcasync.job.record import PartialRecord
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation


def perform_claimed(partial: PartialRecord, incarnation: Incarnation, performer: Performer) -> bool:
    """Do what is left to do of a partial that this incarnation claimed; whether anything was.

    In a new transaction of the partial's connection.  Raises what ``Performer.perform`` raises.
    """
    if partial.state in (CALLBACKS, COMPLETED):
        if is_done(partial):
            return False
        performer.run_callbacks(partial)
    elif not is_claimed(partial, incarnation):
        return False
    elif is_too_late(partial):
        performer.finish(partial, from_exception(too_late(partial)))
    else:
        performer.perform(partial)
    return True


def is_claimed(partial: PartialRecord, incarnation: Incarnation) -> bool:
    """Whether the incarnation is to run this partial."""
    is_at_rest = partial._waits_for is not None or partial._retry_at is not None
    return partial.state == ACTIVE and partial.claim is incarnation and not is_at_rest
