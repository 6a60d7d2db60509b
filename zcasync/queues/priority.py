"""Priority: which of the jobs that wait goes first, and how long a wait makes up for a step of it.

A job has a rank, the moment from which it waits, put off by its priority.  That never changes: a
job that waits is overtaken by ever fewer others, none starves, and nothing is ever written anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from zcasync.job.control_fields import HIGHEST_PRIORITY, LOWEST_PRIORITY
from zcasync.job.record import PartialRecord

#: A step of priority counts as this time of waiting, microseconds.  An hour: by one step a job goes
#: before what was put in the last hour, by ten before the backlog of a night, and what is put last
#: of all, by a hundred, has its turn after four days at the latest.
STEP_MICROSECONDS = 3600 * 1_000_000


def rank(moment: int, priority: int) -> int:
    """Return the rank, the lowest first, of what waits since (or until) this moment."""
    return moment + priority * STEP_MICROSECONDS


class Precedence(NamedTuple):
    """The place of one that waits, among others."""

    priority: int
    rank: int

    def goes_before(self, other: Precedence) -> bool:
        """Return whether it is to overtake the other one, which is reserved already.

        Not because it is older: that would change the order of what has no priorities.
        """
        return self.priority < other.priority and self.rank < other.rank


def precedence(partial: PartialRecord) -> Precedence:
    """Return the place of a partial, by its own record."""
    return Precedence(partial.priority, rank(partial.due, partial.priority))


def stored_priority(value: Any) -> int | None:
    """Return a priority as it is stored; None for 0, which is not.

    Raises TypeError for what is no whole number, ValueError for one out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"priority must be a whole number, not {type(value).__name__}")
    if not HIGHEST_PRIORITY <= value <= LOWEST_PRIORITY:
        raise ValueError(
            f"priority must be from {HIGHEST_PRIORITY}, the first, to {LOWEST_PRIORITY}, the last: "
            f"{value}"
        )
    return int(value) or None
