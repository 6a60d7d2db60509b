"""Completed: finished partials in the order of their end, in pages, dropped by age.

Only the worker's engine adds here, so pages need no conflict resolution.  What is to be run again,
or discarded, is taken out by whoever wants that; it meets the engine on the last page alone, and
counts what it takes in a record of its own.  A page is rewritten by
each transaction that adds to it, so pages are short; a day of pages hangs on a tree, so that a new
page costs the same on a busy day, and days are dropped as a whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from BTrees.IOBTree import IOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync import clock
from zcasync.interfaces import ICompletedCollection
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished
from zcasync.workers.claims import Size
from zcasync.zeo.bulk_load import load_all

PAGE_SIZE = 32
#: Who looks for a partial loads so many pages on each side of where it should be.
PAGES_AHEAD = 20
#: A bucket holds the partials that end within this time, and is dropped as a whole.
BUCKET = timedelta(days=1)
#: Finished partials are kept this long, and up to a bucket longer.
RETENTION = timedelta(days=7)


class Page(Unpublished, Persistent):  # type: ignore[misc]
    """Some finished partials, oldest first."""

    partials: tuple[PartialRecord, ...] = ()
    began: int | None = None  # when the first has ended, microseconds, where any was taken out

    @property
    def first_end(self) -> int:
        """When the first has ended, microseconds; 0 where that cannot be read."""
        if self.began is not None:
            return self.began
        readable = (one for one in self.partials if broken(one) is None)
        return next((one.ended_at or 0 for one in readable), 0)


class Bucket(Unpublished, Persistent):  # type: ignore[misc]
    """The pages of one period of time."""

    #: How many of ``full`` were taken out; None: none ever was.
    taken: Size | None = None

    def __init__(self, began: int) -> None:
        self.began = began
        self.pages = IOBTree()  # by number, from 0
        self.pages[0] = Page()
        self.full = 0  # number of partials in the pages before the last one

    def add(self, partials: list[PartialRecord]) -> None:
        """Add finished partials, oldest first."""
        rest = tuple(partials)
        number = self.pages.maxKey()
        page = self.pages[number]
        while rest:
            if len(page.partials) >= PAGE_SIZE:
                self.full += len(page.partials)
                number += 1
                page = self.pages[number] = Page()
            room = PAGE_SIZE - len(page.partials)
            page.partials += rest[:room]
            rest = rest[room:]

    def take(self, number: int, oids: Collection[bytes]) -> None:
        """Take partials out of a page."""
        page = self.pages[number]
        kept = tuple(one for one in page.partials if one._p_oid not in oids)
        count = len(page.partials) - len(kept)
        if number < self.pages.maxKey():
            if self.taken is None:
                self.taken = Size(0)
            self.taken.value += count
        elif len(page.partials) >= PAGE_SIZE:
            self._p_changed = True  # whoever begins the next page has counted this one
        page.began, page.partials = page.first_end, kept

    def discard(self, partial: PartialRecord) -> None:
        """Drop a partial wherever it is."""
        for page in self.pages.values():
            if any(one is partial for one in page.partials):
                page.partials = tuple(one for one in page.partials if one is not partial)
        self.recount()

    def recount(self) -> None:
        """Count the partials in the pages before the last one anew."""
        last = self.pages.maxKey()
        full = sum(len(page.partials) for number, page in self.pages.items() if number != last)
        if self.taken is not None and self.taken.value:
            self.taken.value = 0
        if full != self.full:
            self.full = full

    def __iter__(self) -> Iterator[PartialRecord]:
        """Yield the partials, newest first."""
        for number in range(self.pages.maxKey(), -1, -1):
            yield from reversed(self.pages[number].partials)

    def __len__(self) -> int:
        taken = 0 if self.taken is None else self.taken.value
        return self.full - taken + len(self.pages[self.pages.maxKey()].partials)


@implementer(ICompletedCollection)
class Completed(Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.ICompletedCollection`."""

    _buckets: tuple[Bucket, ...] = ()

    def add(self, partial: PartialRecord) -> None:
        self.extend([partial])

    def extend(self, partials: list[PartialRecord]) -> None:
        """Add several finished partials, oldest first."""
        now = clock.now()
        if not self._buckets or now - self._buckets[-1].began >= BUCKET // clock.MICROSECOND:
            self._buckets = (*self._buckets, Bucket(now))
        self._buckets[-1].add(partials)

    def prune(self, keep: timedelta = RETENTION) -> int:
        """Drop buckets whose last partial is older than ``keep``; return the number of partials."""
        oldest = clock.now() - (keep + BUCKET) // clock.MICROSECOND
        gone = [bucket for bucket in self._buckets if bucket.began < oldest]
        if gone:
            self._buckets = tuple(bucket for bucket in self._buckets if bucket.began >= oldest)
        return sum(map(len, gone))

    def take(self, partials: Iterable[PartialRecord]) -> set[bytes]:
        """Take finished partials out; return the oids of those that were here.

        Pages are in the order in which partials were retired, most often that of their ends: each
        is looked for where its time is, and around that.
        """
        places = _Places(self._buckets)
        found: dict[int, set[bytes]] = {}
        index: int | None = None
        for partial in partials:
            index = places.find(partial, index)
            if index is not None:
                found.setdefault(index, set()).add(partial._p_oid)
        for index, oids in found.items():
            bucket, number = places.page_at(index)
            bucket.take(number, oids)
        return set().union(*found.values())

    def discard(self, partial: PartialRecord) -> None:
        """Drop a partial wherever it is."""
        for bucket in self._buckets:
            bucket.discard(partial)

    def recount(self) -> None:
        """Count anew what is here."""
        for bucket in self._buckets:
            bucket.recount()

    def first(self) -> PartialRecord:
        for partial in self:
            return partial
        raise LookupError("no partial has completed")

    def last(self) -> PartialRecord:
        for bucket in self._buckets:
            for page in bucket.pages.values():
                if page.partials:
                    return page.partials[0]  # type: ignore[no-any-return]
        raise LookupError("no partial has completed")

    def __iter__(self) -> Iterator[PartialRecord]:
        for bucket in reversed(self._buckets):
            yield from bucket

    def iter(
        self, start: datetime | None = None, stop: datetime | None = None
    ) -> Iterator[PartialRecord]:
        newest = None if start is None else clock.from_datetime(start, "start")
        oldest = None if stop is None else clock.from_datetime(stop, "stop")
        for partial in self:
            ended = partial.ended_at or 0
            if oldest is not None and ended < oldest:
                return
            if newest is None or ended <= newest:
                yield partial

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def __bool__(self) -> bool:
        return True


class _Places:
    """The pages of several buckets in one order, the oldest first."""

    def __init__(self, buckets: tuple[Bucket, ...]) -> None:
        self._buckets = buckets
        self._starts = [0]
        for bucket in buckets:
            self._starts.append(self._starts[-1] + bucket.pages.maxKey() + 1)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Page:
        bucket, number = self.page_at(index)
        return bucket.pages[number]  # type: ignore[no-any-return]

    def page_at(self, index: int) -> tuple[Bucket, int]:
        """Return the bucket of a page, and the page's number in it."""
        which = bisect_left(self._starts, index + 1) - 1
        return self._buckets[which], index - self._starts[which]

    def find(self, partial: PartialRecord, near: int | None) -> int | None:
        """Return the page with a partial; None: none has it.  ``near``: where to begin to look."""
        if near is None:
            near = self._guess(partial)
            self._load_around(near)
        return next((index for index in self._around(near) if self._has(index, partial)), None)

    def _has(self, index: int, partial: PartialRecord) -> bool:
        return any(one._p_oid == partial._p_oid for one in self[index].partials)

    def _guess(self, partial: PartialRecord) -> int:
        ended = 0 if broken(partial) is not None else partial.ended_at or 0
        return max(0, bisect_left(self, ended, key=lambda page: page.first_end) - 1)

    def _load_around(self, index: int) -> None:
        """Load the pages that are likely to be looked at next with one request."""
        near = range(max(0, index - PAGES_AHEAD), min(len(self), index + PAGES_AHEAD))
        pages = [self[one] for one in near]
        if pages and pages[0]._p_jar is not None:
            load_all(pages[0]._p_jar, [page._p_oid for page in pages if page._p_oid is not None])

    def _around(self, index: int) -> Iterator[int]:
        for distance in range(len(self)):
            for one in {index - distance, index + distance}:
                if 0 <= one < len(self):
                    yield one
