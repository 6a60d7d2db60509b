"""Settling: the times that a client has put become those of the process that reads them."""

from __future__ import annotations

from dataclasses import replace

from zcasync.job.broken import broken
from zcasync.queues.entry import Entry
from zcasync.queues.holder import LaneHolder


def is_to_settle(queue: LaneHolder, entry: Entry) -> bool:
    """Return whether an entry, which is just read from an inbox, has times of the client's clock.

    They are turned into this process's when the entry leaves its place, and not before.
    """
    partial, page = entry.partial, entry.page
    if page is None or not page.relative >> entry.index & 1:
        return False
    is_usable = broken(partial) is None and partial.has_times_to_settle
    return is_usable and queue.waits(partial, entry.due)


def settled(entry: Entry, now: int, ahead: int) -> Entry:
    """Return the entry with the times of this process's clock, which its partial has from now on.

    ``ahead``: how far the clock of its client is ahead of this one, microseconds.
    """
    entry.partial.settle(now, ahead)
    return replace(entry, due=entry.partial.due)
