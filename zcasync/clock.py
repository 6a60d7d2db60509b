"""The clock of the stored model, in one place so that tests can set it.

Times in records are whole microseconds since 1970 in UTC: small, sortable, without zones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: The first and the last moment that can be shown, in microseconds.
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def _system() -> int:
    return time.time_ns() // 1000


_source: Callable[[], int] = _system


def now() -> int:
    """Return the microseconds since 1970, UTC."""
    return _source()


def is_the_systems() -> bool:
    """Return whether this is the system's clock, which others' times can be compared with."""
    return _source is _system


def set_source(source: Callable[[], int] | None) -> None:
    """Use ``source()`` (microseconds) as the clock from now on; None: the system's clock."""
    global _source
    _source = source or _system


@contextmanager
def following(source: Callable[[], int]) -> Iterator[None]:
    """Use ``source()`` (microseconds) as the clock within the ``with`` block."""
    before = _source
    set_source(source)
    try:
        yield
    finally:
        set_source(before)


def steady(reactor: Any) -> None:
    """Let the timers of a reactor that is yet to run go on when the machine's clock is set.

    Twisted's go by the time of day: set back by an hour, none would end for an hour.
    """
    if not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic


def to_datetime(microseconds: int) -> datetime:
    """Return the moment as an aware datetime in UTC.  Raises OverflowError beyond year 9999."""
    return EPOCH + microseconds * MICROSECOND


def nearest_datetime(microseconds: int) -> datetime:
    """Return the moment as ``to_datetime`` does, or else the first or the last that there is."""
    return to_datetime(min(max(microseconds, FIRST), LAST))


def from_datetime(moment: datetime, name: str) -> int:
    """Return the microseconds of an aware datetime.

    Raises ValueError, with the argument's ``name``, when it has no timezone or is no moment in UTC
    of the years 1 to 9999, and TypeError when it is no datetime.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime.datetime, not {type(moment).__name__}")
    try:
        if moment.tzinfo is None or moment.utcoffset() is None:
            raise ValueError(
                f"{name} must be timezone-aware, for instance datetime.now(timezone.utc)"
            )
        microseconds = (moment - EPOCH) // MICROSECOND
    except OverflowError as error:
        raise ValueError(_beyond(name)) from error
    if not FIRST <= microseconds <= LAST:
        raise ValueError(_beyond(name))
    return microseconds


def _beyond(name: str) -> str:
    return f"{name} must be within the years 1 to 9999 in UTC"
