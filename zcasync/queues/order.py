"""The order of what waits, over all lanes, from the front or from the back.

What is due comes first, by rank, as claims take it; then what is for later, by time.  Without
priorities both are by time, then by put.

Nothing is loaded before it may be next.  Every source of entries is in order, a tree of a lane and
a page alike, and a heap has the next entry of each.  For pages that are not loaded it has a bound,
the earliest time that the index of their inbox has noted (see :mod:`zcasync.queues.page_index`):
when that is next, they take its place.  So the first jobs cost the same whatever waits behind them.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any

from zcasync import clock
from zcasync.job.broken import broken
from zcasync.job.loadable import why_unloadable
from zcasync.partial import Partial
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane, Page
from zcasync.queues.lane_records import loaded_lanes
from zcasync.queues.page_index import Note, Stretch, pages_of
from zcasync.queues.restriction import Restriction, is_at_once
from zcasync.zeo.bulk_load import load_all

#: The most partials that are loaded at once, ahead of a reader who may break off.
READ_AHEAD = 100

#: Whether it is for later, its rank, or then the moment at which it may begin, due time, what is in
#: an inbox after what was filed from it, number of the lane, number in the lane; all of them
#: negative from the back.  A bound comes before the entry that has its key.
Key = tuple[int, int, int, int, int, int]
#: A due time and a partial.
Due = tuple[int, Any]
#: Entries in their order, or a bound alone with the sources that it stands for.
Source = Iterator[tuple[Key, Due | Callable[[], Iterable["Source"]]]]


class Waiting:
    """The partials that wait in a queue, in order; loaded as they are asked for.

    ``until``: those alone that are due by this moment, microseconds, or at once by any clock.
    ``allowed(restriction)``: whether to look at what is filed under it.
    """

    #: The number of entries, so far, whose partials do not wait.
    passed = 0

    def __init__(
        self,
        queue: LaneHolder,
        *,
        backwards: bool = False,
        until: int | None = None,
        allowed: Callable[[Restriction], bool] = lambda restriction: True,
    ) -> None:
        self._queue = queue
        self._until = until
        is_bounded = until is not None
        now = clock.now() if until is None else until
        sources = (
            source
            for number, lane in enumerate(loaded_lanes(queue, indexes=True))
            for source in _OfLane(queue._p_jar, lane, number, backwards, now, is_bounded).sources(
                allowed
            )
        )
        self._entries = _merged(sources, is_bounded)

    def __iter__(self) -> Iterator[Partial]:
        time = -1
        seen: set[Partial] = set()
        for due, item in self._loaded():
            if due != time:
                time, seen = due, set()  # a partial with two true entries has one time
            if broken(item) is not None or not self._queue.waits(item, due) or item in seen:
                self.passed += 1
                continue
            seen.add(item)
            if self._until is None or item.is_due(self._until):
                yield item

    def _loaded(self) -> Iterator[Due]:
        """Yield the entries, their partials loaded together: the more, the more were asked for."""
        count = 1
        while some := list(itertools.islice(self._entries, count)):
            if self._queue._p_jar is not None:
                oids = [item._p_oid for _, item in some if item._p_changed is None]
                load_all(self._queue._p_jar, oids)
            yield from some
            count = min(2 * count, READ_AHEAD)


class _OfLane:
    """The sources of one lane."""

    def __init__(
        self, jar: Any, lane: Lane, number: int, backwards: bool, now: int, is_bounded: bool
    ) -> None:
        self._jar = jar
        self._lane = lane
        self._number = number
        self._sign = -1 if backwards else 1
        self._now = now
        self._is_bounded = is_bounded
        self._read = lane.page.start + lane.index

    def sources(self, allowed: Callable[[Restriction], bool]) -> Iterator[Source]:
        """Yield them, as far as nothing has to be loaded first."""
        for restriction, tree in (self._lane.filed or {}).items():
            if allowed(restriction):
                yield self._tree(tree, is_at_once(restriction))
        index = self._lane.page_index
        if index is None or why_unloadable(index) is not None or not (notes := index.notes()):
            yield from self._pages(0, None, None)
            return
        yield from self._pages(0, None, notes[0][0])  # of an earlier version, or of an undone claim
        yield self._bounds(notes)
        yield from self._pages(index.end, index.page, None)

    def _key(self, due: int, is_at_once: bool, in_inbox: bool, number: int) -> Key:
        sign = self._sign
        latest = min(due, self._now) if is_at_once and self._is_bounded else due
        is_later = latest > self._now
        first = latest if is_later else self._lane.rank(latest)
        return (
            sign * is_later,
            sign * first,
            sign * due,
            sign * in_inbox,
            sign * self._number,
            sign * number,
        )

    def _tree(self, tree: Any, is_at_once: bool) -> Source:
        """Yield what is in a tree; it may be changed meanwhile."""
        find = tree.maxKey if self._sign < 0 else tree.minKey
        if not tree:
            return
        key = find()
        while key is not None:
            yield self._key(key[0], is_at_once, False, key[1]), (key[0], tree[key])
            try:
                key = find((key[0], key[1] + self._sign))
            except ValueError:  # there are no more
                key = None

    def _pages(self, start: int, oid: bytes | None, end: int | None) -> Iterator[Source]:
        """Yield pages from the entry ``start``, on the page ``oid``, up to the entry ``end``."""
        if end is not None and self._lane.page.start >= end:
            return
        for page in pages_of(self._jar, self._lane, start, oid):
            if end is not None and page.start >= end:
                return
            yield self._page(page)

    def _page(self, page: Page) -> Source:
        unread = range(max(0, self._read - page.start), len(page.partials))
        dues = [page.base + due for due in page.dues]
        places = [
            (self._key(dues[place], page.is_at_once(place), True, page.start + place), place)
            for place in unread
        ]
        for key, place in sorted(places):
            yield key, (dues[place], page.partials[place])

    def _bounds(self, notes: Iterable[Note]) -> Source:
        unread = ((self._bound(note), note) for note in notes if note[1] > self._read)
        for bound, note in sorted(unread, key=itemgetter(0)):
            yield bound, partial(self._within, note)

    def _bound(self, note: Note) -> Key:
        start, end, low, high, _, has_at_once = note
        if self._sign < 0:
            return self._key(high, False, True, end - 1)
        return self._key(low, has_at_once, True, start)

    def _within(self, note: Note) -> Iterable[Source]:
        """Return the sources that a bound stands for."""
        start, end, _, _, where, _ = note
        if isinstance(where, Stretch) and why_unloadable(where) is not None:
            return self._pages(start, None, end)
        if isinstance(where, Stretch):
            return [self._bounds(where.notes)]
        return self._pages(start, where, end)


def _merged(sources: Iterable[Source], is_bounded: bool) -> Iterator[Due]:
    """Yield the entries of all sources in order; open what a bound stands for when it is next.

    ``is_bounded``: they end with the last one that is not for later.
    """
    ties = itertools.count()
    heap: list[tuple[Key, bool, int, Any, Source]] = []

    def push(source: Source) -> None:
        for key, found in itertools.islice(source, 1):
            heapq.heappush(heap, (key, not callable(found), next(ties), found, source))

    for source in sources:
        push(source)
    while heap:
        (is_later, *_), *_, found, source = heapq.heappop(heap)
        if is_later and is_bounded:
            return
        if callable(found):
            for within in found():
                push(within)
        else:
            yield found
        push(source)  # what comes after it is made by then, and by nobody who breaks off
