"""Performing what waits in a queue here and now, without a supervisor."""

from __future__ import annotations

import uuid
from typing import Any

import transaction

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


def drain(manager: Any, *, limit: int = 10_000) -> list[PartialRecord]:
    """Perform all due partials of a data manager, those that they put too; return them in order.

    Commits.  Raises AssertionError when more than ``limit`` were performed.
    """
    performed: list[PartialRecord] = []
    transaction_manager = manager._p_jar.transaction_manager
    if transaction_manager is None:
        transaction_manager = transaction.manager
    transaction_manager.commit()
    while True:
        due = next(manager.thread.iterDue(), None) or next(manager.reactor.iterDue(), None)
        if due is None:
            return performed
        assert len(performed) < limit, f"drain: more than {limit} partials; the last: {due!r}"
        run_inline(due)
        performed.append(due)
