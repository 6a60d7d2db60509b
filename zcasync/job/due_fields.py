"""DueFields: the stored times of a call, when it may begin and until when.

There are three kinds of calls, told apart by which of two times is stored; both are microseconds,
see :mod:`zcasync.clock`.

at once    ``_put``, the moment of the put.  Due for everybody, whatever a clock says: the moment
           only gives it its place among others.
relative   ``_put``, and ``_due`` later than that: the distance between the two is what was asked
           for.
absolute   ``_due`` alone: this moment, UTC.  With a ``_put`` that is not before it: the moment was
           past by the clock of the client, so the call has the time of its put.

A put has no other clock than its client's.  Who reads the call first in a queue, with another
clock, turns the times into its own (``PartialRecord.settle``) in the transaction that claims it or
files it for later; everything else, the child's look at ``begin_by`` included, goes by those.
Until then people are shown the client's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from zcasync import clock
from zcasync.job.attempt_fields import AttemptFields
from zcasync.job.field_types import (
    Check,
    is_duration,
    is_moment,
    is_number,
    is_text,
    optional,
)

#: Clocks that differ by no more, microseconds, count as the same.
TOLERANCE = 1_000_000


def _is_scheduled(value: Any) -> bool:
    """Return whether these are the name of a schedule and the moment of its tick."""
    return type(value) is tuple and len(value) == 2 and is_text(value[0]) and is_moment(value[1])


class DueFields(AttemptFields):
    """When one call may begin, and questions about it."""

    _field_types: ClassVar[dict[str, Check]] = {
        # Not all of them are moments that a datetime can have: what is added to one need not be.
        **dict.fromkeys(("_put", "_due"), optional(is_number)),
        "_by": optional(is_duration),
        "_scheduled": optional(_is_scheduled),
    }

    _put: int | None = None
    _due: int | None = None
    _by: int | None = None
    _scheduled: tuple[str, int] | None = None

    @property
    def due(self) -> int:
        """``begin_after`` in microseconds; 0 for a partial in no queue."""
        put, due = self._put, self._due
        if put is None or due is None:
            return put or due or 0
        return max(put, due)

    @property
    def is_at_once(self) -> bool:
        """True for a partial that is due as soon as it is put, for everybody."""
        return self._due is None

    @property
    def not_before(self) -> int:
        """The moment, microseconds, until which it is counted as one for later; 0: at once."""
        return 0 if self._due is None else self.due

    def is_due(self, now: int) -> bool:
        """Return whether it may begin at this moment (microseconds)."""
        return self._due is None or self._due <= now

    @property
    def begin_after(self) -> datetime | None:
        """The moment before which it does not begin."""
        return None if self._due is self._put is None else clock.nearest_datetime(self.due)

    @property
    def begin_by(self) -> timedelta | None:
        """The time from ``begin_after`` on within which it must begin."""
        return None if self._by is None else self._by * clock.MICROSECOND

    @property
    def schedule(self) -> str | None:
        """The name of the schedule that has put it; None: none has."""
        return None if self._scheduled is None else self._scheduled[0]

    @property
    def tick(self) -> datetime | None:
        """The moment of its schedule that it was put for; None: it is of no schedule."""
        return None if self._scheduled is None else clock.nearest_datetime(self._scheduled[1])

    @property
    def begin_deadline(self) -> int | None:
        """The latest moment to begin, microseconds; None: no limit."""
        return None if self._by is None or self._due is self._put is None else self.due + self._by

    @property
    def is_too_late(self) -> bool:
        """True for a partial that was never begun and has missed its ``begin_by``."""
        deadline = self.begin_deadline
        return deadline is not None and not self.was_begun and clock.now() > deadline

    @property
    def has_times_to_settle(self) -> bool:
        """True where times count from the put, so that it matters whose clock that was."""
        return self._put is not None and (self._due is not None or self._by is not None)


def possible_put(put: int, now: int, ahead: int) -> int:
    """Return the moment of a put by the reader's clock: the latest that is possible.

    How far a client's clock was ahead is measured with the database's, and any of the three may
    have been set since.  So what was said counts as well as what is measured, and a job is rather
    taken for younger than it is: it must not miss its ``begin_by`` because somebody set a clock.
    """
    latest = now + TOLERANCE
    return max((one for one in (put, put - ahead) if one <= latest), default=now)
