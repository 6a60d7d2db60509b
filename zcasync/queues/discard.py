"""Discard: partials that wait, are set aside or are over leave all places where they are, for good.

What was discarded is as if it had never been put; only who refers to its record keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from zope.event import notify

from zcasync.errors import BadStateError
from zcasync.events import is_heard
from zcasync.interfaces import COMPLETED, PENDING, IJobDiscardedEvent, JobDiscarded
from zcasync.job.again import family
from zcasync.job.completion import check_callbacks_current
from zcasync.job.gate import counting
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.queues.again import let_go
from zcasync.queues.entry import Entry
from zcasync.queues.lane import Lane


def discard(queue: Any, partials: Collection[PartialRecord]) -> None:
    """See ``PartialQueue.discard``."""
    for partial in partials:
        require_discardable(partial)
    let_go(queue, [partial for partial in partials if partial.state == COMPLETED])
    for partial in partials:
        if partial.state == PENDING:
            queue.drop_entry(partial)
        partial.forget()
    if is_heard(IJobDiscardedEvent):
        for partial in partials:
            notify(JobDiscarded(partial))


def discard_unreadable(manager: Any, oid: bytes) -> bool:
    """Discard what cannot be loaded, by its oid; return whether it is in no place any more.

    A worker has to set it aside first where it waits, or is claimed.
    """
    for queue in manager.queues.values():
        for lane in queue.lanes().values():
            for entry in _filed(lane, oid):
                lane.drop(entry)
    for worker in manager.workers.keepers:
        for sequence in worker.sequences:
            kept = tuple(one for one in sequence.unreadable if one._p_oid != oid)
            if len(kept) < len(sequence.unreadable):
                sequence.unreadable = kept
        worker.completed.take([get(manager._p_jar, oid, PartialRecord)])
    return not _is_left(manager, oid)


def _is_left(manager: Any, oid: bytes) -> bool:
    """Return whether a partial is where its worker has not come to it yet."""
    lanes = [lane for one in manager.queues.values() for lane in one.lanes().values()]
    places = (
        *((one for _, one in lane.unread()) for lane in lanes),
        *(sequence for worker in manager.workers.values() for sequence in worker.sequences),
    )
    return any(one._p_oid == oid for place in places for one in place)


def _filed(lane: Lane, oid: bytes) -> Iterator[Entry]:
    """Yield the entries of a record in the trees, set aside or not."""
    for restriction, tree in list((lane.filed or {}).items()):
        for key, partial in list(tree.items()):
            if partial._p_oid == oid:
                yield Entry(key[0], partial, None, 0, restriction, key)


def require_discardable(partial: PartialRecord) -> None:
    """Raise BadStateError, with the reason, for what runs, or what others depend on."""
    if partial.parent is not None:
        raise BadStateError(f"{partial!r} is a callback of {partial.parent!r}: it goes with that")
    if partial.queue is None:
        raise BadStateError(f"{partial!r} is in no queue")
    if partial.state not in (PENDING, COMPLETED):
        raise BadStateError(f"{partial!r} is not over, and does not wait: cancel it first")
    if partial.state == PENDING:
        _require_no_followers(partial)
    for one in family(partial) if partial.state == PENDING else ():
        heirs = (callback.stored_arguments[0] for callback in one.callbacks if callback.is_adoption)
        waiting = next((heir for heir in heirs if heir.waits_for is one), None)
        if waiting is not None:
            raise BadStateError(f"{waiting!r} waits for {one!r}: cancel one of them first")
        check_callbacks_current(one)  # one that begins to wait meanwhile


def _require_no_followers(partial: PartialRecord) -> None:
    if partial.members_gate is not None:
        raise BadStateError(f"{partial!r} is a flow, whose members are called: cancel it first")
    for _, gate in counting(partial):
        if gate.partial.queue is not None and not gate.partial.has_result:
            raise BadStateError(
                f"{gate.partial!r} begins after {partial!r}: cancel one of them first"
            )
