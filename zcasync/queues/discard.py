"""Discard: partials that wait, are set aside or are over leave all places where they are, for good.

What was discarded is as if it had never been put; only who refers to its record keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from zcasync.errors import BadStateError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.again import family
from zcasync.job.completion import check_callbacks_current
from zcasync.job.record import PartialRecord
from zcasync.queues.again import let_go
from zcasync.queues.lane import Entry, Lane
from zcasync.queues.restriction import BROKEN


def discard(queue: Any, partials: Collection[PartialRecord]) -> None:
    """See ``PartialQueue.discard``."""
    for partial in partials:
        require_discardable(partial)
    let_go(queue, [partial for partial in partials if partial.state == COMPLETED])
    for partial in partials:
        if partial.state == PENDING:
            queue.drop_entry(partial)
        partial.forget()


def discard_unreadable(manager: Any, oid: bytes) -> bool:
    """Discard what cannot be loaded, by its oid; return whether it was found anywhere.

    In a queue it is found once a worker has set it aside.
    """
    found = False
    for queue in (manager.thread, manager.reactor):
        for lane in queue.lanes().values():
            for entry in _set_aside(lane, oid):
                lane.drop(entry)
                found = True
    for worker in manager.workers.values():
        for sequence in (worker.thread, worker.reactor):
            kept = tuple(one for one in sequence.unreadable if one._p_oid != oid)
            if len(kept) < len(sequence.unreadable):
                sequence.unreadable = kept
                found = True
        found |= bool(worker.completed.take([manager._p_jar.get(oid)]))
    return found


def _set_aside(lane: Lane, oid: bytes) -> Iterator[Entry]:
    """Yield the entry of a record that claimers could not load."""
    tree = None if lane.filed is None else lane.filed.get(BROKEN)
    for key, partial in [] if tree is None else list(tree.items()):
        if partial._p_oid == oid:
            yield Entry(key[0], partial, None, 0, BROKEN, key)


def require_discardable(partial: PartialRecord) -> None:
    """Raise BadStateError, with the reason, for what runs, or what others depend on."""
    if partial.parent is not None:
        raise BadStateError(f"{partial!r} is a callback of {partial.parent!r}: it goes with that")
    if partial.queue is None:
        raise BadStateError(f"{partial!r} is in no queue")
    if partial.state not in (PENDING, COMPLETED):
        raise BadStateError(f"{partial!r} is not over, and does not wait: cancel it first")
    for one in family(partial) if partial.state == PENDING else ():
        heirs = (callback.stored_arguments[0] for callback in one.callbacks if callback.is_adoption)
        waiting = next((heir for heir in heirs if heir.waits_for is one), None)
        if waiting is not None:
            raise BadStateError(f"{waiting!r} waits for {one!r}: cancel one of them first")
        check_callbacks_current(one)  # one that begins to wait meanwhile
