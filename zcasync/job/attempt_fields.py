"""AttemptFields: the stored counts and times of a call's attempts, and questions about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from persistent import Persistent

from zcasync import clock
from zcasync.job.aside import Aside
from zcasync.job.field_types import (
    Check,
    Checked,
    is_bool,
    is_count,
    is_moment,
    is_text,
    optional,
    tuple_of,
)
from zcasync.job.history import AttemptHistory, FailedAttempt, usable
from zcasync.unpublished import Unpublished


def _is_progress(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 4:
        return False
    return is_text(value[2]) and is_moment(value[3])  # the numbers are the job's


def _is_aside(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 4:
        return False
    return all(map(is_moment, value[:2])) and all(map(is_text, value[2:]))


def _is_commit(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 3:
        return False
    return (
        is_count(value[0]) and type(value[1]) is bytes and len(value[1]) == 8 and is_text(value[2])
    )


def _are_commits(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 2:
        return False
    return is_count(value[0]) and tuple_of(_is_commit)(value[1])


class AttemptFields(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The history of one call: how often it was begun, and what came of it.

    Times are microseconds, see :mod:`zcasync.clock`; defaults are not stored.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        **dict.fromkeys(
            ("_retry_at", "_resume_at", "_started", "_ended", "_first_started"), optional(is_moment)
        ),
        **dict.fromkeys(("_once", "_may_begin_once"), is_bool),
        **dict.fromkeys(
            ("_attempts", "_interruptions", "_conflicts", "_exceptions", "_snoozes"), is_count
        ),
        "_progress": optional(_is_progress),
        "_aside": optional(_is_aside),
        "_commits": _are_commits,
    }

    _retry_at: int | None = None
    _resume_at: int | None = None
    _once: bool = False
    _may_begin_once: bool = False  # by its own policy, which is imported in children only
    _unasked_death: Any = None
    _attempts: int = 0
    _interruptions: int = 0
    _conflicts: int = 0
    _exceptions: int = 0
    _snoozes: int = 0
    _first_started: int | None = None  # of calls whose rule has a time for all attempts
    _started: int | None = None
    _ended: int | None = None
    _history: AttemptHistory | None = None
    _progress: tuple[float, float | None, str, int] | None = None
    _aside: tuple[int, int, str, str] | None = None
    _commits: tuple[int, tuple[tuple[int, bytes, str], ...]] = (0, ())

    @property
    def attempts(self) -> int:
        """The number of times that the call was begun."""
        return self._attempts

    @property
    def interruptions(self) -> int:
        """The number of times that the process died which made the call."""
        return self._interruptions

    @property
    def conflicts(self) -> int:
        """The number of attempts that conflicted with other transactions."""
        return self._conflicts

    @property
    def exceptions(self) -> int:
        """The number of attempts that raised something else, as far as the policy repeats those."""
        return self._exceptions

    @property
    def snoozes(self) -> int:
        """The number of times that the call has put itself off, which are no attempts."""
        return self._snoozes

    @property
    def first_started_at(self) -> int | None:
        """The moment of the first attempt, microseconds, where its rule needs that; else None."""
        return self._first_started

    @property
    def failed_attempts(self) -> int:
        """The number of failed attempts, of any kind."""
        return self._interruptions + self._conflicts + self._exceptions

    @property
    def has_begun_once(self) -> bool:
        """True once the call has begun under a policy that lets it begin only once."""
        return self._once

    @property
    def may_begin_once(self) -> bool:
        """True where its policy, one that has to be imported, lets the call begin only once."""
        return self._may_begin_once

    @property
    def unasked_death(self) -> Any:
        """The Failure that a death ends it with, unless its policy, not asked yet, wants more."""
        return self._unasked_death

    @property
    def started(self) -> datetime | None:
        """The moment at which the last attempt began."""
        return None if self._started is None else clock.to_datetime(self._started)

    @property
    def started_at(self) -> int | None:
        """The moment when the last attempt began, microseconds; None: no attempt."""
        return self._started

    @property
    def ended(self) -> datetime | None:
        """The moment at which it got its result."""
        return None if self._ended is None else clock.to_datetime(self._ended)

    @property
    def ended_at(self) -> int | None:
        """The moment when the partial got its result, microseconds; None: no result."""
        return self._ended

    @property
    def retry_at(self) -> int | None:
        """The moment for which the claimer is to release the partial after a failed attempt."""
        return self._retry_at

    @property
    def resume_at(self) -> int | None:
        """The moment from which workers run the callbacks that an application left undone."""
        return self._resume_at

    @property
    def failed_before(self) -> list[FailedAttempt]:
        """The last failed attempts that another one has followed or will, the oldest first.

        Conflicts that were repeated at once are only counted.
        """
        history = usable(self._history)
        return [] if history is None else history.listed()

    @property
    def last_failure(self) -> Any:
        """The Failure of the last of these attempts; None: there is none."""
        history = usable(self._history)
        return None if history is None else history.failure

    @property
    def last_progress(self) -> tuple[float, float | None, str, int] | None:
        """What the call has reported last before it ended: done, total, message, moment."""
        return self._progress

    @property
    def noted_commits(self) -> tuple[int, tuple[tuple[int, bytes, str], ...]]:
        """The commits of the call on its way: their number, and the last of them.

        Each: the attempt, the transaction's id, the database's name.
        """
        return self._commits

    @property
    def aside(self) -> Aside | None:
        """The code that the call lacks, for which it is set aside; None: it was not, or begins."""
        return None if self._aside is None else Aside(*self._aside)

    @property
    def is_aside_too_long(self) -> bool:
        """True for a call that has waited for its code as long as it may."""
        return self._aside is not None and clock.now() >= self._aside[1]

    @property
    def was_begun(self) -> bool:
        """True once a start of the call was recorded, whatever came of it."""
        return bool(self._attempts or self._interruptions or self._snoozes)
