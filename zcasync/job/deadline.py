"""begin_by: whether a partial was begun in time."""

from __future__ import annotations

from zcasync import clock
from zcasync.errors import AbortedError
from zcasync.job.record import PartialRecord


def is_too_late(partial: PartialRecord) -> bool:
    """Whether a partial that was never begun has missed its ``begin_by``."""
    deadline = partial.deadline
    return deadline is not None and not was_begun(partial) and clock.now() > deadline


def was_begun(partial: PartialRecord) -> bool:
    """Whether a start of it was recorded, whatever became of it."""
    return bool(partial._attempts or partial._interruptions)


def too_late(partial: PartialRecord) -> AbortedError:
    """The reason to give."""
    return AbortedError(
        f"not begun within {partial.begin_by} of {partial.begin_after}: its begin_by has passed"
    )
