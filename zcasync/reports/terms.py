"""What the put of a job has said of it beside its call."""

from __future__ import annotations

from typing import Any

from zcasync.job.acts import as_dicts
from zcasync.job.secret import HIDDEN
from zcasync.job.time_limits import TimeLimits
from zcasync.reports.fields import Fields
from zcasync.retry.policy import UNNAMED, UNNAMED_CALLBACK


def terms(fields: Fields) -> dict[str, Any]:
    """Return what its put says of how it is performed, and for whom."""
    limits = TimeLimits.of(fields["_controls"] or {})
    return {
        "retry": retry_name(fields),
        "isolate": fields["_isolated"],
        "quotas": _quotas(fields),
        "soft_limit_seconds": limits.soft,
        "hard_limit_seconds": limits.hard,
        "context": dict(fields["_context"] or {}),
        "unique": _unique(fields),
        "acts": as_dicts(fields["_acts"]),
        "priority": priority_of(fields),
        "scheduled": fields.scheduled,
    }


def priority_of(fields: Fields) -> int:
    """Return its priority."""
    found = (fields["_controls"] or {}).get("priority", 0)
    return int(found)


def _unique(fields: Fields) -> str | None:
    """Return the key of a unique call, behind its callable; None: it has none."""
    found = (fields["_controls"] or {}).get("unique")
    if found is None:
        return None
    return HIDDEN if fields["_secret"] else str(found[0])  # it may be made of the arguments


def retry_name(fields: Fields) -> str:
    """Return the name of the retry policy; where none was named, that of the default."""
    if fields["_retry"] is not None:
        return str(fields["_retry"])
    return UNNAMED if fields["_parent"] is None else UNNAMED_CALLBACK


def _quotas(fields: Fields) -> list[str]:
    """Return the names of its quotas."""
    return list((fields["_controls"] or {}).get("quota", ()))
