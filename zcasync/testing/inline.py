"""Performing what waits in a queue here and now, without a supervisor."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import transaction

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.job.record import PartialRecord
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation


def run_inline(partial: PartialRecord) -> Any:
    """Perform one partial that waits in a queue, in this thread; return its result.  Commits.

    Raises BadStateError when it does not wait.
    """
    queue = partial.queue
    if queue is None:
        raise BadStateError(f"{partial!r} waits in no queue: put it first, or call it")
    manager = partial._p_jar.transaction_manager
    if not queue.waits(partial, partial.due):
        raise BadStateError(f"{partial!r} does not wait in this queue")
    queue.drop_entry(partial)
    incarnation = Incarnation(uuid.uuid4(), uuid.UUID(int=0), ProcessIdentity.here())
    partial.assign(incarnation)
    manager.commit()
    Performer().perform_claimed(partial, incarnation)
    manager.begin()
    if partial.retry_at is not None:  # its retry policy wants it to wait
        queue.release(partial)
        manager.commit()
    return partial.result


def drain(
    manager: Any, *, limit: int = 10_000, seconds: float | timedelta = 0
) -> list[PartialRecord]:
    """Perform all due partials of a data manager, those that they put too; return them in order.

    For zcasync's clock no time passes meanwhile, so that a partial which puts itself again, for
    later, is not performed for ever.  ``seconds``, a number or a timedelta: so far in the future
    what is due is performed too, each at its time, without any waiting: retries, reminders,
    deadlines.

    Commits.  Raises AssertionError when more than ``limit`` were performed.
    """
    performed: list[PartialRecord] = []
    transaction_manager = manager._p_jar.transaction_manager
    if transaction_manager is None:
        transaction_manager = transaction.manager
    transaction_manager.commit()
    span = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
    now = clock.now()
    end = now + span // clock.MICROSECOND
    with clock.following(lambda: now):
        while True:
            first = _first(manager)
            if first is None or first.due > end:
                return performed
            now = max(now, first.due)
            if len(performed) >= limit:
                raise AssertionError(
                    f"drain: more than {limit} partials; the last: {first!r}.  One that puts "
                    "itself again at once never ends: give it a delay, or raise the limit"
                )
            run_inline(first)
            performed.append(first)


def _first(manager: Any) -> Any:
    """Return the partial that is due first, of all that wait; None: none does."""
    waiting = [next(iter(queue), None) for queue in manager.queues.values()]
    return min(filter(None, waiting), key=lambda partial: partial.due, default=None)
