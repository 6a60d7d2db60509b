"""How often a job was attempted, and what came of that, as data."""

from __future__ import annotations

from typing import Any

from zcasync.reports.fields import Fields

#: The counters of what went wrong, one for each kind.
COUNTED = ("conflicts", "interruptions", "exceptions")


def counts_of(fields: Fields) -> dict[str, Any]:
    """Return how often a job was attempted, and what came of that."""
    return {
        "attempts": fields["_attempts"],
        "interruptions": fields["_interruptions"],
        "counts": {name: fields[f"_{name}"] for name in COUNTED},
        "snoozes": fields["_snoozes"],
    }
