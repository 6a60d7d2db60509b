"""Counting what waits for later, without a walk through all that waits."""

from __future__ import annotations

from itertools import chain, count
from typing import Any

from zcasync.queues.lane import Lane
from zcasync.queues.restriction import BROKEN, is_at_once


def count_held(lane: Lane, now: int) -> int:
    """Return the number of partials that wait in a lane for a time after ``now``."""
    gone = 0 if lane.gone_held is None else sum(lane.gone_held.values(now + 1))
    # Below 0 where the gone are in other lanes.
    return _count_unread(lane, now) + _count_filed(lane, now) - gone


def _count_unread(lane: Lane, now: int) -> int:
    """Walk along the pages only where something for later was put since the first one."""
    last = lane.inbox.last
    if lane.page is last or last.held > lane.page.held:
        return sum(page.count_held(index, now) for page, index in lane.unread_pages())
    return last.count_held(0, now)


def _count_filed(lane: Lane, now: int) -> int:
    """Count those for later or the others, whichever are fewer.

    A tree knows its length only by a walk.
    """
    found: dict[bool, list[Any]] = {True: [], False: []}
    for key, tree in (lane.filed or {}).items():
        if key != BROKEN:
            found[is_at_once(key)].append(tree)
    later = chain.from_iterable(tree.keys((now + 1, 0)) for tree in found[False])
    due = chain.from_iterable(tree.keys(None, (now + 1, 0)) for tree in found[False])
    at_once = chain.from_iterable(tree.keys() for tree in found[True])
    others = chain(due, at_once)
    for number in count():
        if next(later, None) is None:
            return number
        if next(others, None) is None:
            return lane.count_filed() - len((lane.filed or {}).get(BROKEN, ())) - number
    raise AssertionError("one of them ends")
