"""Quotas as data: their limits, what holds them, and what waits for them."""

from __future__ import annotations

from typing import Any

from zcasync import clock
from zcasync.job.acts import as_dicts
from zcasync.job.ids import id_of
from zcasync.queues.quota_waits import count_waiting
from zcasync.text import span

#: So many of those that hold a quota are named.
MOST_NAMED = 100


def quotas(manager: Any, only: str | None = None) -> list[dict[str, Any]]:
    """Return all quotas, or the one with this name, as ``quotas --json`` has them.

    Raises KeyError where there is none with this name.
    """
    found = [manager.quotas[name] for name in ([only] if only is not None else manager.quotas)]
    waiting: dict[str, int] = {}
    for queue in manager.queues.values() if found else ():
        for name, count in count_waiting(queue).items():
            waiting[name] = waiting.get(name, 0) + count
    return [_of(quota, waiting.get(quota.name, 0)) for quota in found]


def _of(quota: Any, waiting: int) -> dict[str, Any]:
    holders = [id_of(partial) for partial in quota.holders()]
    rate = quota.stored_rate
    begun = sum(count for _, count in quota.recent(clock.now()))
    return {
        "name": quota.name,
        "limit": quota.limit,
        "in_use": len(holders),
        "waiting": waiting,
        "rate": None if rate is None else {"number": rate[0], "seconds": rate[1] / 1e6},
        "begun": None if rate is None else begun,
        "holders": holders[:MOST_NAMED],
        "acts": as_dicts(quota.acts),
    }


def rate_text(rate: dict[str, Any] | None) -> str | None:
    """Return a rate in words: ``10 in 1 s``; None: there is none."""
    return None if rate is None else f"{rate['number']:,} in {span(rate['seconds'])}"


def why_full(manager: Any, names: tuple[str, ...]) -> str | None:
    """Return, for operators, which of these quotas lets no further call begin; None: each does."""
    for name in names:
        if name not in manager.quotas:
            continue
        quota = manager.quotas[name]
        holders = [id_of(partial) for partial in quota.holders()]
        if quota.limit is not None and len(holders) >= quota.limit:
            return f"waits for quota {name}: {_used(holders, quota.limit)}"
        rate = quota.stored_rate
        if rate is not None and sum(n for _, n in quota.recent(clock.now())) >= rate[0]:
            shown = rate_text({"number": rate[0], "seconds": rate[1] / 1e6})
            return f"waits for quota {name}: no more than {shown} may begin"
    return None


def _used(holders: list[str], limit: int) -> str:
    if limit == 0:
        return "none may begin"
    named = ", ".join(holders[:3]) + (f" and {len(holders) - 3} more" if len(holders) > 3 else "")
    return f"{len(holders)} of {limit} in use by {named}"
