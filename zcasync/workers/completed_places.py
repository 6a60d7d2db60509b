"""The places of completed jobs: in which page one is, by the time of its end."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord


class Places:
    """The pages of several buckets in one order, the oldest first."""

    def __init__(self, buckets: tuple[Any, ...]) -> None:
        self._buckets = buckets
        self._starts = [0]
        for bucket in buckets:
            self._starts.append(self._starts[-1] + bucket.pages.maxKey() + 1)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> tuple[PartialRecord, ...]:
        bucket, number = self.page_at(index)
        return bucket.pages[number].partials  # type: ignore[no-any-return]

    def page_at(self, index: int) -> tuple[Any, int]:
        """Return the bucket of a page, and the page's number in it."""
        which = bisect_left(self._starts, index + 1) - 1
        return self._buckets[which], index - self._starts[which]

    def find(self, partial: PartialRecord, near: int | None) -> int | None:
        """Return the page with a partial; None: none has it.  ``near``: where to begin to look."""
        near = self._guess(partial) if near is None else near
        return next((index for index in self._around(near) if self._has(index, partial)), None)

    def _has(self, index: int, partial: PartialRecord) -> bool:
        return any(one._p_oid == partial._p_oid for one in self[index])

    def _guess(self, partial: PartialRecord) -> int:
        ended = 0 if broken(partial) is not None else partial.ended_at or 0
        return max(0, bisect_left(self, ended, key=_first_end) - 1)

    def _around(self, index: int) -> Iterator[int]:
        for distance in range(len(self)):
            for one in {index - distance, index + distance}:
                if 0 <= one < len(self):
                    yield one


def _first_end(partials: tuple[PartialRecord, ...]) -> int:
    """Return when the first of these has ended; 0 where that cannot be read."""
    readable = (one for one in partials if broken(one) is None)
    return next((one.ended_at or 0 for one in readable), 0)
