"""Fate: what becomes of an entry that a claim examines."""

from __future__ import annotations

from enum import Enum, auto

from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.queues.absent import name_of
from zcasync.queues.claimed import Claimed
from zcasync.queues.entry import Entry
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.restriction import BROKEN, is_absent, restriction_of


class Fate(Enum):
    """The fate of an entry that is examined."""

    BROKEN = auto()  # the record of its partial cannot be loaded
    GONE = auto()  # its partial no longer waits here
    FILED = auto()  # not due, for another worker, or without its quotas: to be kept in a tree
    TAKEN = auto()  # claimed


def fate_of(queue: LaneHolder, entry: Entry, worker: bytes, now: int, claimed: Claimed) -> Fate:
    """Return the fate of an entry; change nothing."""
    partial = entry.partial
    if broken(partial) is not None:
        return Fate.BROKEN
    is_left = queue.has_callbacks_left(partial, entry.due)
    if id(partial) in claimed.seen or not (is_left or queue.waits(partial, entry.due)):
        return Fate.GONE
    if is_left:
        return Fate.TAKEN
    is_early = entry.due > now and not partial.is_due(now)
    if is_early:
        return Fate.FILED
    if partial.is_too_late:
        return Fate.TAKEN
    if not partial.may_run_on(worker):
        return Fate.FILED
    quotas = partial.quotas
    return Fate.FILED if quotas and not claimed.admits(quotas) else Fate.TAKEN


def apply_fate(lane: Lane, entry: Entry, fate: Fate, now: int, claimed: Claimed) -> None:
    """File, claim or forget an entry, which was taken from its place, by its fate."""
    if fate == Fate.BROKEN:
        lane.file(entry.due, entry.partial, BROKEN)
        claimed.broken.append((entry.partial, broken(entry.partial) or ""))
    elif fate == Fate.GONE:
        lane.count_gone(0 if entry.is_at_once else entry.due, now, -1)
        if isinstance(entry.partial, PartialRecord) and entry.partial.state != ACTIVE:
            claimed.passed_by.append(entry.partial)
    elif fate == Fate.FILED:
        if entry.page is not None:
            claimed.last_filed[id(lane)] = entry.partial
        lane.file(entry.due, entry.partial, restriction_of(entry.partial))
    else:
        if entry.partial.state != PENDING:
            lane.count_gone(entry.due, now, -1)  # it was not counted as one that waits
        claimed.add(entry.partial)
        if is_absent(entry.restriction):
            claimed.looked_for.setdefault(name_of(entry.restriction), entry.partial)
