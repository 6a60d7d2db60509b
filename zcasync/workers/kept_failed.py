"""Kept failed: the failed jobs of a day stay where the others of that day are dropped.

They are moved into a bucket of their own, the rest is dropped then.  That is done in portions, each
whole in itself: at any time a job is in one of the two buckets.  Pages are looked at only while the
counts say that failed ones are left, and no job is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from zcasync import clock
from zcasync.job.outcome import Outcome
from zcasync.job.record import PartialRecord
from zcasync.zeo.bulk_load import load_all

#: Failed jobs are kept this long, and up to a day longer.
FAILED_RETENTION = timedelta(days=30)
#: So many pages are looked at in one portion.
PAGES = 500
_FAILED = bytes([Outcome.FAILED])


def pruned(
    buckets: Sequence[Any], keep: timedelta, keep_failed: timedelta, make: Callable[[int], Any]
) -> tuple[list[Any], int]:
    """Return the buckets that stay, and how many partials go.

    ``keep``: of a bucket that began longer ago only the failed ones stay, and of one that began
    before ``keep_failed`` none.  ``make``: a bucket that begins at a moment, microseconds.
    """
    oldest, oldest_failed = (
        clock.now() - span // clock.MICROSECOND for span in (keep, keep_failed)
    )
    kept: list[Any] = []
    gone = 0
    for bucket in buckets:
        is_too_old = bucket.began < oldest_failed
        if bucket.began >= oldest or (bucket.is_failed_only and not is_too_old):
            kept.append(bucket)
        elif is_too_old or not bucket.count(Outcome.FAILED) or _is_parted(bucket, kept, make):
            gone += len(bucket)
        else:
            kept.append(bucket)
    return kept, gone


def _is_parted(bucket: Any, kept: list[Any], make: Callable[[int], Any]) -> bool:
    """Part failed ones from the others; return whether no failed one is left in the bucket."""
    return move_failed(bucket, bucket_of_failed(bucket, kept, make))


def move_failed(bucket: Any, kept: Any, most: int = PAGES) -> bool:
    """Move the failed ones of a bucket's next pages into ``kept``; return whether that was all."""
    last, first = bucket.pages.maxKey(), max(bucket.searched, bucket.pages.minKey())
    numbers = range(first, min(last + 1, first + most))
    load_pages(bucket, numbers)
    for number in numbers:
        if not bucket.count(Outcome.FAILED):
            return True
        move_failed_of_page(bucket, number, kept)
    bucket.searched = numbers.stop
    return bool(numbers.stop > last)


def move_failed_of_page(bucket: Any, number: int, kept: Any) -> None:
    """Move the failed ones of one page into ``kept``."""
    failed = _take_failed(bucket, number)
    if failed:
        kept.add(list(failed), _FAILED * len(failed))


def bucket_of_failed(bucket: Any, kept: list[Any], make: Callable[[int], Any]) -> Any:
    """Return the bucket for the failed ones of ``bucket``: the last of those that are kept."""
    if not (kept and kept[-1].is_failed_only and kept[-1].began == bucket.began):
        kept.append(make(bucket.began))
        kept[-1].is_failed_only = True
    return kept[-1]


def _take_failed(bucket: Any, number: int) -> tuple[PartialRecord, ...]:
    page = bucket.pages[number]
    if not page.outcomes:
        page._p_deactivate()
        return ()
    kept = [place for place, one in enumerate(page.outcomes) if one != Outcome.FAILED]
    failed = tuple(
        one
        for one, outcome in zip(page.partials, page.outcomes, strict=False)
        if outcome == Outcome.FAILED
    )
    if failed:
        bucket.keep_places(number, kept)
    return failed


def load_pages(bucket: Any, numbers: range) -> None:
    """Load pages with one request."""
    pages = [bucket.pages[number] for number in numbers]
    if pages and pages[0]._p_jar is not None:
        load_all(pages[0]._p_jar, [page._p_oid for page in pages if page._p_oid is not None])
