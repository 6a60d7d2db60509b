"""The clock of the stored model, in one place so that tests can set it.

Times in records are whole microseconds since 1970 in UTC: small, sortable, without zones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def _system() -> int:
    return time.time_ns() // 1000


_source: Callable[[], int] = _system


def now() -> int:
    """Return the microseconds since 1970, UTC."""
    return _source()


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


def to_datetime(microseconds: int) -> datetime:
    """Return the moment as an aware datetime in UTC.  Raises OverflowError beyond year 9999."""
    return EPOCH + microseconds * MICROSECOND


def from_datetime(moment: datetime, name: str) -> int:
    """Return the microseconds of an aware datetime.

    Raises ValueError, with the argument's ``name``, when it has no timezone, and TypeError when it
    is no datetime.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime.datetime, not {type(moment).__name__}")
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{name} must be timezone-aware, for instance datetime.now(timezone.utc)")
    return (moment - EPOCH) // MICROSECOND
