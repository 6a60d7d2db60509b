"""Again: a call that is over is to be made once more, and all that followed it follows it again."""

from __future__ import annotations

from collections.abc import Iterator

from zcasync.errors import BadStateError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.completion import check_callbacks_current
from zcasync.job.failure import is_failure
from zcasync.job.record import PartialRecord
from zcasync.job.steps import drop_steps
from zcasync.job.waiting import alternatives, line


def require_over(partial: PartialRecord) -> None:
    """Raise BadStateError, with what to do instead, unless a partial can be run again."""
    if partial.parent is not None:
        first = partial
        for first in line(partial, lambda one: one.parent):  # noqa: B007
            pass
        raise BadStateError(
            f"{partial!r} is a callback: run {first!r} again, and its callbacks follow"
        )
    if partial.state != COMPLETED:
        raise BadStateError(
            f"{partial!r} is not over: only what is completed can be run again; cancel it first"
        )
    if partial.queue is None:
        raise BadStateError(f"{partial!r} was in no queue: put a new Partial in one")
    for one in family(partial):
        if one.state not in (COMPLETED, PENDING):  # of two alternatives one stays pending
            raise BadStateError(
                f"{partial!r} is not over: its callback {one!r} waits for another job"
            )


def renew(partial: PartialRecord) -> None:
    """Make a partial that is over, and all its callbacks, pending again, as they were given.

    One that has failed keeps its last checkpoint and its recorded steps, and goes on behind them.
    The commit fails with a ConflictError when a callback is added at the same time.
    """
    for one in list(family(partial)):
        if one.state == COMPLETED:
            if not is_failure(one.stored_result):
                drop_steps(one)
            one.renew()
            check_callbacks_current(one)


def family(partial: PartialRecord) -> Iterator[PartialRecord]:
    """Yield a partial and its callbacks, to any depth, but for those that handed its result on."""
    unseen = [partial]
    while unseen:
        one = unseen.pop()
        yield one
        unseen += [callback for callback in one.callbacks if not callback.is_adoption]
        unseen += alternatives(one)
