"""The counts of completed jobs, for each outcome that is counted, and how they are made anew."""

from __future__ import annotations

from typing import Any

from zcasync.job.outcome import Outcome

#: The count of a bucket for each outcome that is counted.
FULL_OF = {Outcome.FAILED: "full_failed", Outcome.CANCELLED: "full_cancelled"}
#: The count of what was taken out.
TAKEN_OF = {Outcome.FAILED: "failed", Outcome.CANCELLED: "cancelled"}


def recount(bucket: Any) -> None:
    """Count the partials in the pages of a bucket before the last one anew."""
    last = bucket.pages.maxKey()
    pages = [page for number, page in bucket.pages.items() if number != last]
    full = sum(len(page.partials) for page in pages)
    if bucket.taken is not None and bucket.taken.value:
        bucket.taken.clear()
    if full != bucket.full:
        bucket.full = full
    for outcome, name in FULL_OF.items():
        count = sum(page.outcomes.count(outcome) for page in pages)
        if count != getattr(bucket, name):
            setattr(bucket, name, count)
