"""Finding jobs to list, lazily: twenty jobs of a long queue must not cost more than of a short."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

from zcasync.reports.job import release
from zcasync.reports.selection import Selection
from zcasync.reports.walk import ended_at, walk

T = TypeVar("T")


def listing(manager: Any, selection: Selection, limit: int, form: Callable[[Any], T]) -> list[T]:
    """Return up to ``limit`` partials as ``form`` has them: claimed, then waiting, then finished.

    What was shown is let go at once: anybody can put large arguments.
    """
    if manager is None:
        return []
    found: list[tuple[int, T]] = []
    for one in walk(manager, selection):
        found.append((ended_at(one), form(one)))
        release(one)
        if len(found) >= limit:
            break
    # Those that ended within one poll pass of each other were not kept in order.
    return [shown for _, shown in sorted(found, key=lambda one: (one[0] > 0, -one[0]))]


def claimed(worker: Any, limit: int | None = None) -> list[Any]:
    """Return the partials that are claimed according to a worker's record."""
    sequences = (worker.thread, worker.reactor)
    return list(islice((one for sequence in sequences for one in sequence), limit))
