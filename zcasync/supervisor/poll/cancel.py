"""Cancel: a partial that waits is ended by the pass.

The operator's own process could end it too, but not run its callbacks: their code is importable
where workers run, and perhaps nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.liveness.interruption import cancel
from zcasync.supervisor.poll.messages import Wish
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.slots import Slots
from zcasync.supervisor.poll.wishes import dropped, granting
from zcasync.workers.claims import ClaimList
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


def cancel_waiting(
    slots: Slots, cancelled: Mapping[bytes, str], records: EngineRecords, log: list[str]
) -> None:
    """Claim what is cancelled while it waits, as ended, where its callbacks run soonest."""
    if not cancelled:
        return
    held = _held(records.worker)
    end_waiting(
        records.connection,
        records.incarnation,
        {oid: who for oid, who in cancelled.items() if oid not in held},
        {"thread": slots.idlest(), "reactor": slots.reactor.claims},
        log,
        [
            one
            for worker in records.manager.workers.values()
            for sequence in (worker.thread, worker.reactor)
            for one in sequence.lists()
        ],
    )


def end_waiting(
    connection: Any,
    incarnation: Incarnation,
    cancelled: Mapping[bytes, str],
    lists: Mapping[str, ClaimList],
    log: list[str],
    holders: Iterable[ClaimList] = (),
) -> None:
    """End those that wait in a queue or for another partial; the worker claims their callbacks.

    ``cancelled``: oid -> who wants it; ``lists``: queue's name -> where to put them.  ``holders``:
    all claim lists there are, because one that has just begun to wait for another partial is still
    in that of the engine that ran it, until the next pass of that engine.
    """
    holders = list(holders)
    for oid, who in cancelled.items():
        wish = Wish(oid, who)
        with granting(wish):
            found = _find(connection, oid)
            if isinstance(found, str):
                log.append(dropped(wish, found))
                continue
            for one in holders:
                one.keep(held for held in one.items if held is not found)
            found.reassign(incarnation)
            cancel(found, who, log)
            lists[found.queue.__name__].items += (found,)


def no_longer_held(cancelled: Mapping[bytes, str], worker: Worker) -> list[bytes]:
    """Return the cancelled jobs that a worker does not hold any more: they have ended."""
    if not cancelled:
        return []
    held = _held(worker)
    return [oid for oid in cancelled if oid not in held]


def _held(worker: Worker) -> set[bytes]:
    """Return the oids of all that a worker has claimed and that waits for no other partial."""
    claimed = (*worker.thread, *worker.reactor)
    return {one._p_oid for one in claimed if broken(one) is not None or one.waits_for is None}


def _find(connection: Any, oid: bytes) -> PartialRecord | str:
    """Return the partial with this oid when it waits, else why there is nothing to cancel."""
    try:
        partial = get(connection, oid, PartialRecord)
    except POSKeyError:
        return "there is no such job"
    problem = broken(partial)
    if problem is not None:
        return f"it is no job, or {problem}"
    if partial.queue is None:
        return "it is in no queue"
    if partial.state == PENDING or (partial.state == ACTIVE and partial.waits_for is not None):
        return partial  # type: ignore[no-any-return]
    return "another worker runs it" if partial.state == ACTIVE else "it is over"
