"""Overrun: the Failure of a call that was killed at its hard limit, with the ladder in words."""

from __future__ import annotations

from typing import Any

from zcasync import clock
from zcasync.errors import HardTimeLimit
from zcasync.job.failure import StoredFailure, from_exception
from zcasync.liveness.death import Death


def overrun_failure(death: Death) -> StoredFailure:
    """Return the Failure for a death that a hard limit has caused."""
    assert death.limits is not None
    error = HardTimeLimit(
        f"the call ran for longer than its hard_limit: {ladder_text(death.limits, death.process)}",
        who=death.process,
        when=clock.to_datetime(clock.now()),
    )
    return from_exception(error, **death.as_dict())


def ladder_text(ladder: dict[str, Any], process: str) -> str:
    """Return the ladder for people: what was to happen when, and what it hung in."""
    soft = ladder.get("soft")
    steps = [
        f"it began {ladder['began']}",
        None if soft is None else f"was told to end after {soft:g} s (soft_limit)",
        f"was to be over after {ladder['hard']:g} s (hard_limit)",
        f"and its process, {process}, was killed after {ladder['killed']:.1f} s",
    ]
    where = ladder.get("hung_in")
    hung = f"; it was in {where}" if where else "; where it was is not known"
    return ", ".join(filter(None, steps)) + hung
