"""Conflicts: the objects that have cost retries, of all workers together, as data."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Any

from zcasync import clock
from zcasync.job.loadable import why_unloadable
from zcasync.reports.walk import MOST_WORKERS
from zcasync.workers.conflicts import DAY, MOST_DAYS, Seen, added, usable_days


def conflicts(manager: Any, limit: int) -> dict[str, Any]:
    """Return the objects with most retries, today and the day before, as ``--json`` has them.

    ``manager`` None: there is none yet.  Raises what the storage raises when it is away.
    """
    first = clock.now() // DAY - (MOST_DAYS - 1)
    workers = () if manager is None else islice(manager.workers.values(), MOST_WORKERS)
    days = [
        day
        for worker in workers
        if why_unloadable(worker) is None
        for day in usable_days(worker.conflicts)
        if day.day >= first
    ]
    return {
        "since": (clock.EPOCH + timedelta(days=first)).date().isoformat(),
        "conflicts": [_row(one) for one in added(days)[:limit]],
    }


def _row(seen: Seen) -> dict[str, Any]:
    return {
        "class": seen.kind,
        "oid": seen.oid,
        "retries": seen.retries,
        "last": clock.nearest_datetime(seen.last).isoformat(),
        "callables": [{"call": call, "retries": retries} for call, retries in seen.calls],
    }
