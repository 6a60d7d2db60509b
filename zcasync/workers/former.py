"""Former workers: what they have completed is handed on when their records are removed.

Whole stretches of time change hands, so that costs the same however many jobs there are, and who
takes one of them out at the same time still finds it in its page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zcasync import clock


def give_up(completed: Any) -> list[Any]:
    """Have a collection give up all that it keeps; return its buckets that are not empty.

    It is written in any case: whoever adds or drops a bucket at the same time conflicts.
    """
    given = [bucket for bucket in completed.buckets if len(bucket)]
    completed.buckets = ()
    return given


def adopt(completed: Any, buckets: Iterable[Any]) -> None:
    """Add the buckets of another collection, which has given them up."""
    completed.buckets = sorted((*completed.buckets, *buckets), key=lambda one: one.began)
    if completed.dated is None:
        completed.dated = clock.now()
