"""Outcomes: whether a call that has ended succeeded, failed or was cancelled."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from zcasync.errors import JobCancelled
from zcasync.job.broken import broken
from zcasync.job.failure import StoredFailure

if TYPE_CHECKING:
    from zcasync.job.record import PartialRecord

CANCELLED_TYPE = f"{JobCancelled.__module__}.{JobCancelled.__qualname__}"


class Outcome(IntEnum):
    """The outcome of a call; its value is stored, in one byte, and sent."""

    SUCCEEDED = 0
    FAILED = 1  # its result is a Failure
    CANCELLED = 2  # it is the Failure of a cancel


def outcome(result: Any) -> Outcome:
    """Return the outcome that a result, as it is stored, stands for."""
    if not isinstance(result, Failure):
        return Outcome.SUCCEEDED
    is_cancelled = isinstance(result, StoredFailure) and result.type_name == CANCELLED_TYPE
    return Outcome.CANCELLED if is_cancelled else Outcome.FAILED


def outcome_of(partial: PartialRecord) -> Outcome:
    """Return the outcome of a partial that has ended.

    Of one that cannot be loaded here, because of its result for instance, nothing bad is said.
    """
    return Outcome.SUCCEEDED if broken(partial) is not None else outcome(partial.stored_result)
