"""Finding jobs to list, lazily: twenty jobs of a long queue must not cost more than of a short."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from zcasync import clock
from zcasync.reports.fields import Fields
from zcasync.reports.job import identity, release
from zcasync.reports.selection import Selection
from zcasync.reports.walk import ended_at, waiting, walk

T = TypeVar("T")

#: So many of those that wait are looked at for one that is due.
MOST_WAITING = 1000
#: So many are kept while the first ones are looked for.
SORTED_AT_ONCE = 2000


def listing(
    manager: Any,
    selection: Selection,
    limit: int,
    form: Callable[[Any], T],
    seen: Callable[[], None] = lambda: None,
) -> list[T]:
    """Return up to ``limit`` partials as ``form`` has them: claimed, then waiting, then finished.

    What was shown is let go at once: anybody can put large arguments.  ``seen``: as ``walk``.
    """
    if manager is None:
        return []
    found: list[tuple[int, T]] = []
    for one in walk(manager, selection, seen):
        found.append((ended_at(one), form(one)))
        release(one)
        if len(found) >= limit:
            break
    # Those that ended within one poll pass of each other were not kept in order.
    return [shown for _, shown in sorted(found, key=lambda one: (one[0] > 0, -one[0]))]


def in_order(
    manager: Any,
    selection: Selection,
    limit: int,
    form: Callable[[Any], T],
    sort: str,
    seen: Callable[[], None] = lambda: None,
) -> list[T]:
    """Return the first ``limit`` of all that fit, by one of ``ORDERS``; looks at each of them."""
    if manager is None:
        return []
    key, kept = ORDERS[sort], []
    for number, one in enumerate(walk(manager, selection, seen)):
        fields = Fields(one)
        rank = key(fields) if fields.is_readable else None
        kept.append(((rank is None, rank, number), one))
        release(one)
        if len(kept) >= max(SORTED_AT_ONCE, 2 * limit):
            kept = heapq.nsmallest(limit, kept, key=lambda pair: pair[0])
    first = heapq.nsmallest(limit, kept, key=lambda pair: pair[0])
    return [form(one) for _, one in first]


def _newest(name: str) -> Callable[[Fields], Any]:
    return lambda fields: None if fields[name] is None else -fields[name]


#: The orders of a listing: a key for the fields of a job; None: it comes last.
ORDERS: dict[str, Callable[[Fields], Any]] = {
    "due": lambda fields: fields.due,
    "started": _newest("_started"),
    "ended": _newest("_ended"),
    "attempts": lambda fields: -fields["_attempts"],
    "call": lambda fields: fields.callable_name,
}


def claimed(worker: Any, limit: int | None = None) -> list[Any]:
    """Return the partials that are claimed according to a worker's record."""
    sequences = (worker.thread, worker.reactor)
    return list(islice((one for sequence in sequences for one in sequence), limit))


def oldest_due(queue: Any) -> dict[str, Any] | None:
    """Return the id of the job of a queue that is due for longest, and for how many seconds.

    None where none is due among the first of those that wait.
    """
    now = clock.now()
    for partial in islice(waiting(queue, aside=False, by_time=True), MOST_WAITING):
        fields = Fields(partial)
        due = fields.due if fields.problem is None else None
        if due is not None and (due <= now or fields["_due"] is None):
            return {"id": identity(partial), "seconds": max(0, now - due) / 1e6}
    return None
