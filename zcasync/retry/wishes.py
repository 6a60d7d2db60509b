"""Wishes: what a job asks for itself, by raising ``Retry`` or ``Snooze``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from zcasync import clock
from zcasync.errors import Retry, Snooze
from zcasync.retry.stock import Answer, Counts, retry_exceptions

#: So many attempts there are in all where a job asks for others, and its policy has no limit.
MOST_ATTEMPTS = 8
#: Why a call that may begin only once gets neither.
ONCE = "it may begin only once"
#: Why what is in no queue cannot be put off.
NO_QUEUE = "a callback, or a direct call, is in no queue where it could wait: let it put a job"


def answer_to(policy: Any, wish: Retry, counts: Counts) -> tuple[Answer, str]:
    """Return what becomes of the wish for another attempt; with it, why, for people."""
    if policy.at_most_once:
        return False, ONCE
    after = None if wish.after is None else _time_from_now(wish.after)
    if hasattr(policy, "asked"):
        return policy.asked(counts, after), policy.reason
    number = max(1, counts.exceptions)
    is_over = number >= MOST_ATTEMPTS
    answer = False if is_over else retry_exceptions.after(number) if after is None else after
    return answer, f"{number} of {MOST_ATTEMPTS}, as the job asks"


def moment_of(wish: Snooze) -> int:
    """Return the moment until which a job puts itself off, microseconds; the last that there is."""
    span = _time_from_now(wish.until_or_after)
    return min(clock.now() + span // clock.MICROSECOND, clock.LAST)


def _time_from_now(given: float | timedelta | datetime) -> timedelta:
    if isinstance(given, datetime):
        now = clock.to_datetime(clock.now())
        return max(timedelta(0), given - now)
    return given if isinstance(given, timedelta) else timedelta(seconds=given)
