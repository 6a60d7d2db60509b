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
        overrun_text(death.limits, death.process),
        who=death.process,
        when=clock.to_datetime(clock.now()),
    )
    return from_exception(error, **death.as_dict())


def began_at(death: Death) -> int:
    """Return when the attempt began that a hard limit has ended now, microseconds."""
    assert death.limits is not None
    return clock.now() - int(death.limits["killed"] * 1e6)


def overrun_text(ladder: dict[str, Any], process: str) -> str:
    """Return for people where the call hung, and what was to happen and has happened when."""
    where = ladder.get("hung_in")
    soft = ladder.get("soft")
    told = "" if soft is None else f"was told to end after {soft:g} s (soft_limit), "
    return (
        f"the call ran for longer than its hard_limit of {ladder['hard']:g} s"
        f"{f', in {where}' if where else ', where is not known'}: it began {ladder['began']}, "
        f"{told}and its process, {process}, was killed after {ladder['killed']:.1f} s"
    )
