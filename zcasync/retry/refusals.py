"""Refusals: why a call may not begin: begun before, too late, or out of its rule's time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from zcasync import clock
from zcasync.errors import DeadlineMissed, JobInterrupted
from zcasync.job.failure import StoredFailure
from zcasync.job.record import PartialRecord
from zcasync.retry.fault import Refused
from zcasync.retry.policy import shown_name, within_of
from zcasync.text import cut, span


def begun_before(partial: PartialRecord) -> Refused:
    """Return the refusal of a call that was begun and may not be made a second time."""
    return Refused(
        JobInterrupted(
            f"it was begun before, how that ended is not known, and its retry policy "
            f"{shown_name(partial)!r} lets it begin only once",
            when=moment_of_now(),
            times=partial.interruptions + 1,
        )
    )


def too_late(partial: PartialRecord) -> Refused:
    """Return the refusal of a call whose ``begin_by`` has passed."""
    return Refused(
        DeadlineMissed(
            f"not begun within {partial.begin_by} of {partial.begin_after}: its begin_by has "
            "passed",
            when=moment_of_now(),
        )
    )


def out_of_time(partial: PartialRecord, policy: Any) -> Refused | None:
    """Return the refusal of a call whose rule lets no attempt begin any more; None: it may."""
    within, began = within_of(policy), partial.first_started_at
    if within is None or began is None or clock.now() <= began + within * 1e6:
        return None
    last = partial.last_failure
    told = "" if last is None else f"; it has failed with {last.type_name}: {_message(last)}"
    return Refused(
        DeadlineMissed(
            f"not done within {span(within)} of {clock.nearest_datetime(began)}, as its rule has "
            f"it{told}",
            when=moment_of_now(),
            times=partial.failed_attempts,
        )
    )


def _message(failure: StoredFailure) -> str:
    """Return the message of a failure, cut."""
    return cut(failure.getErrorMessage(), 200)


def moment_of_now() -> datetime:
    """Return the present moment."""
    return clock.to_datetime(clock.now())
