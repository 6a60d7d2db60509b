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
from zcasync.liveness.interruption import cancel
from zcasync.workers.claims import ClaimList
from zcasync.workers.incarnation import Incarnation


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
    in that of the engine that ran it, until that engine looks.
    """
    holders = list(holders)
    for oid, who in cancelled.items():
        partial = _find(connection, oid)
        if partial is None:
            continue
        for one in holders:
            one.keep(held for held in one.items if held is not partial)
        partial.reassign(incarnation)
        cancel(partial, who, log)
        lists[partial.queue.__name__].items += (partial,)


def _find(connection: Any, oid: bytes) -> PartialRecord | None:
    """The partial with this oid when it waits."""
    try:
        partial = connection.get(oid)
    except POSKeyError:
        return None
    if broken(partial) is not None or partial.queue is None:
        return None
    waits = partial.state == ACTIVE and partial.waits_for is not None
    return partial if waits or partial.state == PENDING else None
