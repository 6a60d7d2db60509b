"""Completed: finished partials in the order of their end, in pages, dropped by age.

Only the worker's engine writes here, so pages need no conflict resolution.  A page is rewritten by
each transaction that adds to it, so pages are short; a day of pages hangs on a tree, so that a new
page costs the same on a busy day, and days are dropped as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from BTrees.IOBTree import IOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync import clock
from zcasync.interfaces import ICompletedCollection
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished

PAGE_SIZE = 32
#: A bucket holds the partials that end within this time, and is dropped as a whole.
BUCKET = timedelta(days=1)
#: Finished partials are kept this long, and up to a bucket longer.
RETENTION = timedelta(days=7)


class Page(Unpublished, Persistent):  # type: ignore[misc]
    """Some finished partials, oldest first."""

    partials: tuple[PartialRecord, ...] = ()


class Bucket(Unpublished, Persistent):  # type: ignore[misc]
    """The pages of one period of time."""

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
        if full != self.full:
            self.full = full

    def __iter__(self) -> Iterator[PartialRecord]:
        """Yield the partials, newest first."""
        for number in range(self.pages.maxKey(), -1, -1):
            yield from reversed(self.pages[number].partials)

    def __len__(self) -> int:
        return self.full + len(self.pages[self.pages.maxKey()].partials)


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
