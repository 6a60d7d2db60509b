"""Completed: finished partials in the order of their end, in pages, dropped by age.

Only the worker's engine adds here, so pages need no conflict resolution.  What is to be run again,
or discarded, is taken out by whoever wants that; it meets the engine on the last page alone, and
counts what it takes in a record of its own.  While the failed ones of an old day are moved apart,
or pages are dropped, they meet on these, too.  A page is rewritten by each transaction that adds to
it, so pages are short; a day of pages hangs on a tree, so that a new page costs the same on a busy
day, and days are dropped as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta

from BTrees.IOBTree import IOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync import clock
from zcasync.interfaces import ICompletedCollection
from zcasync.job.broken import broken
from zcasync.job.field_types import Checked
from zcasync.job.outcome import Outcome, outcome_of
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished
from zcasync.workers import completed_field_types
from zcasync.workers.completed_counts import FULL_OF, TAKEN_OF, recount
from zcasync.workers.completed_places import take_out
from zcasync.workers.kept_failed import pruned

PAGE_SIZE = 32
#: A bucket holds the partials that end within this time, and is dropped as a whole.
BUCKET = timedelta(days=1)
_SUCCEEDED = bytes([Outcome.SUCCEEDED])
#: Finished partials are kept this long, and up to a bucket longer.
RETENTION = timedelta(days=7)


class Page(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Some finished partials, oldest first."""

    _field_types = completed_field_types.PAGE
    partials: tuple[PartialRecord, ...] = ()
    outcomes = b""  # a byte for each, an Outcome; empty while all have succeeded
    began: int | None = None  # when the first has ended, microseconds, where any was taken out

    @property
    def first_end(self) -> int:
        """When the first has ended, microseconds; 0 where that cannot be read."""
        if self.began is not None:
            return self.began
        readable = (one for one in self.partials if broken(one) is None)
        return next((one.ended_at or 0 for one in readable), 0)

    def add(self, partials: tuple[PartialRecord, ...], outcomes: bytes) -> None:
        """Add finished partials, oldest first."""
        if self.outcomes or any(outcomes):
            self.outcomes = self.outcomes.ljust(len(self.partials), _SUCCEEDED) + outcomes
        self.partials += partials

    def keep(self, places: list[int]) -> bytes:
        """Keep the partials at these places only; return the outcomes of the others."""
        outcomes = self.outcomes.ljust(len(self.partials), _SUCCEEDED)
        if len(places) < len(self.partials):
            if self.outcomes:
                self.outcomes = bytes(outcomes[place] for place in places)
            self.partials = tuple(self.partials[place] for place in places)
        kept = set(places)
        return bytes(one for place, one in enumerate(outcomes) if place not in kept)


class Taken(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """How many were taken out of the full pages of a bucket, in a record of its own."""

    _field_types = completed_field_types.TAKEN
    value = 0
    failed = 0
    cancelled = 0

    def add(self, outcomes: bytes) -> None:
        """Count these, too."""
        self.value += len(outcomes)
        for outcome, name in TAKEN_OF.items():
            if count := outcomes.count(outcome):
                setattr(self, name, getattr(self, name) + count)

    def clear(self) -> None:
        """Begin at 0 again."""
        self.value = self.failed = self.cancelled = 0


class Bucket(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The pages of one period of time."""

    _field_types = completed_field_types.BUCKET
    full_failed = 0  # of those in the pages before the last one
    full_cancelled = 0
    #: How many of ``full`` were taken out; None: none ever was.
    taken: Taken | None = None
    is_failed_only = False  # the others of that time are gone
    searched = 0  # so many pages have no failed ones any more that are to be kept longer

    def __init__(self, began: int) -> None:
        self.began = began
        self.pages = IOBTree()  # by number, from 0
        self.pages[0] = Page()
        self.full = 0  # number of partials in the pages before the last one

    @property
    def numbers(self) -> range:
        """The numbers of the pages, oldest first."""
        return range(self.pages.minKey(), self.pages.maxKey() + 1)

    def add(self, partials: list[PartialRecord], outcomes: bytes) -> None:
        """Add finished partials, oldest first."""
        rest = tuple(partials)
        number = self.pages.maxKey()
        page = self.pages[number]
        while rest:
            if len(page.partials) >= PAGE_SIZE:
                self._close(page)
                number += 1
                page = self.pages[number] = Page()
            room = PAGE_SIZE - len(page.partials)
            page.add(rest[:room], outcomes[:room])
            rest, outcomes = rest[room:], outcomes[room:]

    def take(self, number: int, oids: Collection[bytes]) -> None:
        """Take partials out of a page."""
        page: Page = self.pages[number]
        page.began = page.first_end
        self.keep_places(
            number, [place for place, one in enumerate(page.partials) if one._p_oid not in oids]
        )

    def keep_places(self, number: int, kept: list[int]) -> None:
        """Keep those of a page that are at these places."""
        page: Page = self.pages[number]
        is_full = len(page.partials) >= PAGE_SIZE
        outcomes = page.keep(kept)
        if number < self.pages.maxKey():
            if self.taken is None:
                self.taken = Taken()
            self.taken.add(outcomes)
        elif is_full:
            self._p_changed = True  # whoever begins the next page has counted this one

    def discard(self, partial: PartialRecord) -> None:
        """Drop a partial wherever it is."""
        for page in self.pages.values():
            page.keep([place for place, one in enumerate(page.partials) if one is not partial])
        self.recount()

    def recount(self) -> None:
        """Count the partials in the pages before the last one anew."""
        recount(self)

    def count(self, outcome: Outcome) -> int:
        """Return how many of the partials have failed, or were cancelled."""
        found: int = getattr(self, FULL_OF[outcome])
        taken: int = 0 if self.taken is None else getattr(self.taken, TAKEN_OF[outcome])
        last: Page = self.pages[self.pages.maxKey()]
        return found - taken + last.outcomes.count(outcome)

    def with_outcome(self, outcomes: Collection[int]) -> Iterator[PartialRecord]:
        """Yield the partials that have ended so, newest first; load no page beyond the last."""
        left = sum(self.count(Outcome(one)) for one in outcomes)
        for number in reversed(self.numbers):
            if left <= 0:
                return
            page = self.pages[number]
            for place in range(len(page.outcomes) - 1, -1, -1):
                if page.outcomes[place] in outcomes:
                    left -= 1
                    yield page.partials[place]

    def _close(self, page: Page) -> None:
        """Count a page that is full."""
        self.full += len(page.partials)
        for outcome, name in FULL_OF.items() if page.outcomes else ():
            setattr(self, name, getattr(self, name) + page.outcomes.count(outcome))

    def __iter__(self) -> Iterator[PartialRecord]:
        """Yield the partials, newest first."""
        for number in reversed(self.numbers):
            yield from reversed(self.pages[number].partials)

    def __len__(self) -> int:
        taken = 0 if self.taken is None else self.taken.value
        return self.full - taken + len(self.pages[self.pages.maxKey()].partials)


@implementer(ICompletedCollection)
class Completed(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.ICompletedCollection`."""

    _field_types = completed_field_types.COMPLETED
    _buckets: tuple[Bucket, ...] = ()
    #: When the times of the buckets were right by the clock of an engine, microseconds.
    dated: int | None = None

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The stretches of time, oldest first; in each, partials are in the order of their ends."""
        return self._buckets

    @buckets.setter
    def buckets(self, buckets: Iterable[Bucket]) -> None:
        self._buckets = tuple(buckets)

    def add(self, partial: PartialRecord) -> None:
        self.extend([partial])

    def extend(self, partials: list[PartialRecord], outcomes: bytes | None = None) -> None:
        """Add several finished partials, oldest first.

        ``outcomes``: a byte for each, an Outcome; None: as their records say.
        """
        if outcomes is None:
            outcomes = bytes(map(outcome_of, partials))
        now = clock.now()
        if not self._buckets or now - self._buckets[-1].began >= BUCKET // clock.MICROSECOND:
            self._buckets = (*self._buckets, Bucket(now))
            if self.dated is None:
                self.dated = now
        self._buckets[-1].add(partials, outcomes)

    def prune(self, keep: timedelta = RETENTION, keep_failed: timedelta = timedelta(0)) -> int:
        """Drop buckets whose last partial is older than ``keep``; return the number of partials.

        Failed ones stay for ``keep_failed`` where that is longer: see :mod:`.kept_failed`.
        """
        kept, gone = pruned(self._buckets, keep + BUCKET, keep_failed + BUCKET, Bucket)
        if len(kept) != len(self._buckets) or gone:
            self._buckets = tuple(kept)
        return gone

    def take(self, partials: Iterable[PartialRecord]) -> set[bytes]:
        """Take finished partials out; return the oids of those that were here."""
        return take_out(self._buckets, partials)

    def discard(self, partial: PartialRecord) -> None:
        """Drop a partial wherever it is."""
        for bucket in self._buckets:
            bucket.discard(partial)

    def recount(self) -> None:
        """Count anew what is here."""
        for bucket in self._buckets:
            bucket.recount()

    @property
    def failed(self) -> int:
        return sum(bucket.count(Outcome.FAILED) for bucket in self._buckets)

    @property
    def cancelled(self) -> int:
        return sum(bucket.count(Outcome.CANCELLED) for bucket in self._buckets)

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

    def with_outcome(self, outcomes: Collection[int]) -> Iterator[PartialRecord]:
        """Yield the failed ones, or the cancelled ones, newest first; load no others."""
        for bucket in reversed(self._buckets):
            yield from bucket.with_outcome(outcomes)

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
