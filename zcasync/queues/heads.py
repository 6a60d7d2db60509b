"""Heads: the first entries of lanes that a worker may run, and when the next of them is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zcasync import clock
from zcasync.queues.absent import Looks, look_for_nothing
from zcasync.queues.entry import Entry
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.lane_records import with_entries
from zcasync.queues.restriction import allows, is_absent, quotas_in, restriction_in

#: Says when a partial with these quotas may be claimed, microseconds; None: that is not known.
ReadyAt = Callable[[tuple[str, ...]], int | None]


def next_due(queue: LaneHolder, worker: bytes, ready_at: ReadyAt = lambda quotas: 0) -> int | None:
    """Return when the next partial that the worker may run is due, microseconds; None: none waits.

    A deadline that passes counts too.  An inbox that was not read to its end is due now, because an
    entry behind the next one may be.  ``ready_at``: of those with quotas.
    """
    now = clock.now()
    lanes = with_entries(queue.lanes().values())
    moments = []
    for entry in (entry for lane in lanes for entry in heads(lane, worker)):
        due = entry.ready(now) if entry.page is None else min(now, entry.due)
        quotas = quotas_in(entry.restriction)
        ready = ready_at(quotas) if quotas else due
        if ready is not None:
            moments.append(max(due, ready))
    moments += [lane.deadlines.minKey()[0] + 1 for lane in lanes if lane.deadlines]
    return min(moments, default=None)


def count_first(queue: LaneHolder, worker: bytes, ready_at: ReadyAt) -> int:
    """Return how many trees of partials with quotas are due, and before all others are.

    ``ready_at(quotas)``: when those may be claimed that have to have a child without jobs.
    """
    now, first, others = clock.now(), [], []
    for lane in with_entries(queue.lanes().values()):
        for entry in heads(lane, worker):
            due = entry.due if entry.due <= now else entry.ready(now)
            quotas = quotas_in(entry.restriction)
            if due <= now and not quotas:
                others.append(lane.rank(due))
            elif due <= now and ready_at(quotas) == 0:
                first.append(lane.rank(due))
    return sum(rank <= min(others, default=rank) for rank in first)


def heads(
    lane: Lane,
    worker: bytes,
    looks: Looks = look_for_nothing,
    admits: Callable[[tuple[str, ...]], bool] = lambda quotas: True,
) -> Iterator[Entry]:
    """Yield the first entry of the inbox and of each tree that the worker may run.

    ``admits(quotas)``: whether to look at partials with these quotas.
    """
    entry = lane.next_in_inbox()
    if entry is not None:
        yield entry
    absent = (key for key in lane.filed or () if is_absent(key) and looks(key))
    for key in (*lane.restrictions, *absent):
        if allows(restriction_in(key), worker) and admits(quotas_in(key)):
            filed = lane.first_filed(key)
            if filed is not None:
                yield filed
