"""Queues, as data: how much waits in each, who serves it, and what operators did to it."""

from __future__ import annotations

from typing import Any

from zcasync.job.acts import as_dicts
from zcasync.reports.claimed import claimed_by_queue
from zcasync.reports.walk import chosen
from zcasync.reports.workers import queues as counts

#: No more workers are looked at, those with an engine first.
MOST_WORKERS = 1000


def described(manager: Any, name: str | None = None) -> list[dict[str, Any]]:
    """Return all queues, or the one of this name, each as ``queue --json`` has it.

    Raises UnknownQueue, with the nearest name.
    """
    if manager is None:
        return []
    if name is not None:
        manager.queue(name)
    workers = [one for one in chosen(manager, MOST_WORKERS) if one.engineUUID is not None]
    claimed = claimed_by_queue(manager)
    return [
        {
            "name": one,
            **{key: found[key] for key in ("due", "held", "set_aside", "paused")},
            "claimed": claimed.get(one, 0),
            "workers": _serving(workers, one),
            "defaults": dict(manager.queue(one).defaults or {}),
            "acts": as_dicts(manager.queue(one).acts),
        }
        for one, found in counts(manager).items()
        if name in (None, one)
    ]


def _serving(workers: list[Any], name: str) -> list[dict[str, Any]]:
    """Return the workers that serve a queue, each with how many of its jobs it has at once."""
    found = []
    for worker in workers:
        served = worker.queues
        if served is None or name in served:
            limit = None if served is None else served[name]
            found.append({"uuid": str(worker.UUID), "limit": limit})
    return found
