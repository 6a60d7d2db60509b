"""Cancelling what nobody works at: a partial that waits is ended by the pass.

The operator's own process could end it too, but not run its callbacks: their code is importable
where workers run, and perhaps nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.liveness.recovery import cancel
from zcasync.supervisor.poll.messages import PassResult
from zcasync.workers.claims import ClaimList
from zcasync.workers.incarnation import Incarnation


def end_waiting(
    connection: Any,
    incarnation: Incarnation,
    cancelled: Mapping[bytes, str],
    lists: Mapping[str, ClaimList],
    done: PassResult,
    holders: Iterable[ClaimList] = (),
) -> None:
    """End those that wait in a queue or for another partial; the worker claims their callbacks.

    ``cancelled``: oid -> who wants it; ``lists``: queue's name -> where to put them.  ``holders``:
    all claim lists there are, because one that has just begun to wait for another partial is still
    in that of the engine that ran it, until that engine looks.
    """
    holders = list(holders)
    for oid, who in cancelled.items():
        partial = _find(connection, oid)
        if partial is None:
            continue
        if partial.state == PENDING:
            partial._queue.ended(partial)  # type: ignore[union-attr]
        for one in holders:
            if partial in one.items:
                one.items = tuple(held for held in one.items if held is not partial)
        partial._claim = incarnation
        cancel(partial, who, done)
        lists[partial._queue.__name__].items += (partial,)  # type: ignore[union-attr]


def _find(connection: Any, oid: bytes) -> PartialRecord | None:
    """The partial with this oid when it waits."""
    try:
        partial = connection.get(oid)
    except POSKeyError:
        return None
    if broken(partial) is not None or partial._queue is None:
        return None
    waits = partial.state == ACTIVE and partial._waits_for is not None
    return partial if waits or partial.state == PENDING else None
