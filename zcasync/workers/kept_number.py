"""Kept number: how many completed jobs stay; beyond that the oldest pages are dropped.

What a pass does here is limited, however much there is: days that are beyond are dropped as a
whole, where no failed job has to be moved out of them, and of the next one no more than some
hundreds of pages.  No job is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from zcasync.job.outcome import Outcome
from zcasync.workers.completed_counts import FULL_OF
from zcasync.workers.kept_failed import (
    bucket_of_failed,
    load_pages,
    move_failed,
    move_failed_of_page,
)

#: No more than so many of the others, and of the failed ones that are kept for longer.
MOST_COMPLETED = 1_000_000
MOST_FAILED = 100_000
#: More than so many have to be over before it is worth the haste.
PAGE_SIZE = 32
#: So many pages are dropped in one portion.
PAGES = 200


def trim(
    completed: Any, most: int, most_failed: int, keeps_failed: bool, make: Callable[[int], Any]
) -> bool:
    """Drop the oldest of a collection beyond these numbers; return whether more is to be dropped.

    ``most``: of the buckets that have jobs of all outcomes, ``most_failed``: of those with failed
    ones only; 0: any number.  ``keeps_failed``: failed ones are moved out of the former first, into
    buckets from ``make(began)``.
    """
    buckets: tuple[Any, ...] = completed.buckets
    trimming = _Trimming(buckets, most, most_failed, keeps_failed, make)
    for bucket in buckets:
        trimming.look(bucket, is_last=bucket is buckets[-1])
    if trimming.kept != list(buckets):
        completed.buckets = trimming.kept
    return trimming.is_behind


class _Trimming:
    """One look at all buckets, oldest first."""

    def __init__(
        self,
        buckets: Iterable[Any],
        most: int,
        most_failed: int,
        keeps_failed: bool,
        make: Callable[[int], Any],
    ) -> None:
        counts = {True: 0, False: 0}
        for one in buckets:
            counts[one.is_failed_only] += len(one)
        limits = {True: most_failed, False: most}
        self.kept: list[Any] = []
        self.is_behind = False
        self._over = {kind: counts[kind] - limits[kind] if limits[kind] else 0 for kind in counts}
        self._keeps_failed = keeps_failed
        self._make = make
        self._left = PAGES

    def look(self, bucket: Any, is_last: bool) -> None:
        """Keep a bucket, some of it, or nothing."""
        kind = bucket.is_failed_only
        before, over = len(bucket), self._over[kind]
        parts = self._keeps_failed and not kind and bucket.count(Outcome.FAILED) > 0
        if over <= 0 or self._left <= 0:
            self.is_behind = self.is_behind or over > PAGE_SIZE
            self.kept.append(bucket)
        elif before > over or is_last:
            self._left -= _drop_pages(bucket, over, self._left, self._parted(bucket, parts))
            self._over[kind] -= before - len(bucket)
            self.is_behind = self.is_behind or _can_drop(bucket, self._over[kind])
            self.kept.append(bucket)
        elif parts:
            self._left, self.is_behind = 0, True
            if not move_failed(bucket, self._bucket_of_failed(bucket), PAGES):
                self.kept.append(bucket)
        else:
            self._over[kind] -= before

    def _parted(self, bucket: Any, parts: bool) -> Callable[[], Any] | None:
        return partial(self._bucket_of_failed, bucket) if parts else None

    def _bucket_of_failed(self, bucket: Any) -> Any:
        return bucket_of_failed(bucket, self.kept, self._make)


def _can_drop(bucket: Any, over: int) -> bool:
    """Return whether the oldest page has no more than that, and is not the last."""
    first = bucket.numbers[0]
    return first < bucket.pages.maxKey() and len(bucket.pages[first].partials) <= over


def _drop_pages(bucket: Any, over: int, most: int, failed: Callable[[], Any] | None) -> int:
    """Drop the oldest pages of a bucket, ``most`` of them, ``over`` jobs at most; return how many.

    ``failed``: makes the bucket for the failed ones; None: they go, too.  The last page stays:
    its worker's engine adds to that.
    """
    numbers = bucket.numbers[:-1][:most]
    load_pages(bucket, numbers)
    for dropped, number in enumerate(numbers):
        page = bucket.pages[number]
        count = len(page.partials)
        if count > over:
            return dropped
        over -= count
        if failed is not None and page.outcomes.count(Outcome.FAILED):
            move_failed_of_page(bucket, number, failed())
        _drop_page(bucket, number)
    return len(numbers)


def _drop_page(bucket: Any, number: int) -> None:
    page = bucket.pages[number]
    bucket.full -= len(page.partials)
    for outcome, name in FULL_OF.items() if page.outcomes else ():
        setattr(bucket, name, getattr(bucket, name) - page.outcomes.count(outcome))
    page.keep([])
    page._p_changed = True  # whoever takes one out of it meets this
    del bucket.pages[number]
