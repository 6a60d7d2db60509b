"""The places of completed jobs: in which page one is, by the time of its end."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.zeo.bulk_load import load_all

#: Who looks for a partial loads so many pages on each side of where it should be.
PAGES_AHEAD = 20


class Places:
    """The pages of several buckets in one order, the oldest first."""

    def __init__(self, buckets: tuple[Any, ...]) -> None:
        self._buckets = buckets
        self._starts = [0]
        for bucket in buckets:
            self._starts.append(self._starts[-1] + len(bucket.numbers))

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Any:
        bucket, number = self.page_at(index)
        return bucket.pages[number]

    def page_at(self, index: int) -> tuple[Any, int]:
        """Return the bucket of a page, and the page's number in it."""
        which = bisect_left(self._starts, index + 1) - 1
        bucket = self._buckets[which]
        return bucket, bucket.numbers[index - self._starts[which]]

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


def take_out(buckets: tuple[Any, ...], partials: Iterable[PartialRecord]) -> set[bytes]:
    """Take partials out of their pages; return the oids of those that were in one.

    Pages are in the order in which partials were retired, most often that of their ends: each is
    looked for where its time is, and around that.
    """
    places = Places(buckets)
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
