"""Dating: the days of completed jobs keep their age when clocks are set.

A day is dropped so long after it began.  Were the clock set forward by a month meanwhile, all days
would go at once; set back by one, they would stay for a month longer.  So a collection has the time
at which the beginnings of its days were right.  Where more has passed by the clock than can be, or
less than nothing, they are moved along.  Nobody knows whether a machine was off for long, or has
begun with a wrong clock: a pause of more than two days counts as one.
"""

from __future__ import annotations

from typing import Any

from zcasync import clock

#: The time is noted anew after this.
NOTE = 6 * 3600 * 1_000_000
#: What is taken for time that has passed, and as how long something longer counts.
LONGEST_PAUSE, COUNTS_AS = 2 * 86_400 * 1_000_000, 86_400 * 1_000_000
#: Clocks are set by less than this all the time.
TOLERANCE = 60 * 1_000_000


def date(completed: Any, set_by: int = 0) -> None:
    """Move the beginnings of a collection's buckets along where the clock was set.

    ``set_by``: so far it was set forward since the caller did this last, microseconds, as far as it
    knows.  Whoever comes second with that finds that it is done.
    """
    buckets, dated, now = completed.buckets, completed.dated, clock.now()
    if not buckets:
        return
    shift = 0 if dated is None else _shift(now - dated, set_by)
    for bucket in buckets if shift else ():
        if bucket.began <= now - shift:  # else it has begun after the clock was set
            bucket.began = min(max(bucket.began + shift, clock.FIRST), clock.LAST)
    if shift or dated is None or now - dated >= NOTE:
        completed.dated = now


def _shift(passed: int, set_by: int) -> int:
    if passed < -TOLERANCE:
        return passed
    if TOLERANCE < set_by <= passed:
        passed -= set_by
        return set_by + max(0, passed - COUNTS_AS if passed > LONGEST_PAUSE else 0)
    return passed - COUNTS_AS if passed > LONGEST_PAUSE else 0
