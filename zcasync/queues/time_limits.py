"""The options ``soft_limit`` and ``hard_limit``: what can be given, and how it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from zcasync import clock
from zcasync.job.time_limits import HARD, SOFT, TimeLimits

#: The longest limit, microseconds: a hundred years.
LONGEST = 100 * 366 * 86_400 * 1_000_000


def stored_soft(value: Any) -> int | None:
    """Return the microseconds of a ``soft_limit``; None for None.  Raises TypeError, ValueError."""
    return _stored(SOFT, value)


def stored_hard(value: Any) -> int | None:
    """Return the microseconds of a ``hard_limit``; None for None.  Raises TypeError, ValueError."""
    return _stored(HARD, value)


def require_ladder(controls: Mapping[str, Any]) -> None:
    """Raise ValueError, naming both, where the hard limit would come first."""
    limits = TimeLimits.of(controls)
    if limits.soft is not None and limits.hard is not None and limits.soft >= limits.hard:
        raise ValueError(
            f"{SOFT} ({limits.soft:g} s) must be less than {HARD} ({limits.hard:g} s): the call is "
            f"told at the first, and killed at the second"
        )


def _stored(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta):
        raise TypeError(f"{name} must be seconds or a timedelta, not {type(value).__name__}")
    try:
        span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name} is no time that a call could take: {value}") from error
    microseconds = span // clock.MICROSECOND
    if not 0 < microseconds <= LONGEST:
        raise ValueError(f"{name} must be more than 0, and no longer than a hundred years: {value}")
    return microseconds
