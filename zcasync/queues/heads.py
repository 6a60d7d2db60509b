"""Heads: the first entries of lanes that a worker may run, and when the next of them is due."""

from __future__ import annotations

from collections.abc import Iterator

from zcasync import clock
from zcasync.queues.absent import Looks, look_for_nothing
from zcasync.queues.entry import Entry
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.restriction import allows, is_absent, restriction_in


def next_due(queue: LaneHolder, worker: bytes) -> int | None:
    """Return when the next partial that the worker may run is due, microseconds; None: none waits.

    A deadline that passes counts too.  An inbox that was not read to its end is due now, because an
    entry behind the next one may be.
    """
    now = clock.now()
    lanes = queue.lanes().values()
    moments = [
        entry.ready(now) if entry.page is None else min(now, entry.due)
        for lane in lanes
        for entry in heads(lane, worker)
    ]
    moments += [lane.deadlines.minKey()[0] + 1 for lane in lanes if lane.deadlines]
    return min(moments, default=None)


def heads(lane: Lane, worker: bytes, looks: Looks = look_for_nothing) -> Iterator[Entry]:
    """Yield the first entry of the inbox and of each tree that the worker may run."""
    entry = lane.next_in_inbox()
    if entry is not None:
        yield entry
    absent = (key for key in lane.filed or () if is_absent(key) and looks(key))
    for key in (*lane.restrictions, *absent):
        if allows(restriction_in(key), worker):
            filed = lane.first_filed(key)
            if filed is not None:
                yield filed
