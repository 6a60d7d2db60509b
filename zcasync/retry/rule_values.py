"""The values of a rule for retries, checked, and what follows from them alone."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from functools import cached_property
from typing import Any

from transaction.interfaces import TransientError

from zcasync.errors import AbortedError, JobCrashed, JobInterrupted
from zcasync.retry.exception_names import (
    exception_names,
    first_match,
    is_named,
    loaded_class,
    parents_by_name,
    require_exception,
)
from zcasync.text import span

MOST_PAUSES = 100
DAY = 24 * 3600


class RuleValues:
    """See :class:`zcasync.retry.rule.RetryRule`."""

    def __init__(
        self,
        attempts: int = 8,
        backoff: Any = None,
        *,
        delay: float | timedelta = 15,
        factor: float = 2,
        longest: float | timedelta = DAY,
        jitter: float = 0.1,
        on: Any = (),
        not_on: Any = (),
        within: float | timedelta | None = None,
    ) -> None:
        if isinstance(attempts, bool) or not isinstance(attempts, int):
            raise TypeError(f"attempts must be a number, not {type(attempts).__name__}")
        self.attempts = attempts
        self.backoff = _pauses(backoff)
        self.delay, self.longest = _seconds(delay, "delay"), _seconds(longest, "longest")
        self.factor, self.jitter = _number(factor, "factor"), _number(jitter, "jitter")
        self.on, self.not_on = exception_names(on, "on"), exception_names(not_on, "not_on")
        self.within = None if within is None else _seconds(within, "within")
        if attempts < 1 or self.factor < 1 or self.jitter < 0 or self.within == 0:
            raise ValueError(
                "attempts and factor must be at least 1, jitter at least 0, within more than 0: "
                f"{attempts}, {self.factor}, {self.jitter}, {self.within}"
            )
        if self.backoff and (self.delay, self.factor) != (15, 2):
            raise ValueError("backoff and delay or factor both say how long: give one of them")
        name = "backoff" if self.backoff else "delay"
        if self.longest < max(self.backoff or (self.delay,)):
            raise ValueError(
                f"longest ({self.longest:,} s) must be at least as long as {name} "
                f"({max(self.backoff or (self.delay,)):,} s)"
            )

    def require_possible(self) -> None:
        """Raise ValueError where ``not_on`` takes what ``on`` names, or one names no exception.

        What is not loaded in this process is not known.
        """
        for argument, names in (("on", self.on), ("not_on", self.not_on)):
            for name in names:
                require_exception(name, argument)
        refused = [one for one in self.on if first_match(self.not_on, parents_by_name(one))]
        if refused:
            raise ValueError(
                f"on={refused[0]!r} and not_on={self.not_on!r} exclude each other: it would never "
                "be tried again"
            )

    def values(self) -> dict[str, Any]:
        """Return the values by the names of the arguments."""
        return {
            "attempts": self.attempts,
            "backoff": self.backoff,
            "delay": self.delay,
            "factor": self.factor,
            "longest": self.longest,
            "jitter": self.jitter,
            "on": self.on,
            "not_on": self.not_on,
            "within": self.within,
        }

    def pause(self, failures: int) -> float:
        """Return the seconds to wait after so many failures, with what is added at random."""
        if self.backoff:
            pause = self.backoff[min(failures, len(self.backoff)) - 1]
        else:
            pause = self.delay
            for _ in range(failures - 1):
                if pause >= self.longest or self.factor == 1:
                    break
                pause *= self.factor
        share = random.uniform(0, self.jitter)  # noqa: S311, it hides nothing
        return min(self.longest, pause) * (1 + share)

    @cached_property
    def counts_conflicts(self) -> bool:
        """True where ``on`` names conflicts, so that they count as attempts of the rule."""
        known = [loaded_class(name) for name in self.on]
        return any(one is not None and issubclass(one, TransientError) for one in known)

    @cached_property
    def counts_interruptions(self) -> bool:
        """True where ``on`` names the deaths of processes."""
        return any(is_named(self.on, kind, AbortedError) for kind in (JobCrashed, JobInterrupted))

    @property
    def short(self) -> str:
        """The rule in a few words, for histories: ``rule(attempts=5)``."""
        within = "" if self.within is None else f", within {span(self.within)}"
        return f"rule(attempts={self.attempts}{within})"


def _pauses(given: Any) -> tuple[float, ...]:
    if given is None:
        return ()
    if isinstance(given, str) or not isinstance(given, list | tuple):
        given = [given]
    if len(given) > MOST_PAUSES:
        raise ValueError(f"backoff has {len(given)} pauses: {MOST_PAUSES} at most")
    return tuple(_seconds(one, "backoff") for one in given)


def _seconds(given: Any, name: str) -> float:
    """Return the seconds, as an int where that is the same."""
    seconds = _number(given.total_seconds() if isinstance(given, timedelta) else given, name)
    if seconds < 0:
        raise ValueError(f"{name} must not be negative: {given}")
    try:
        timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(f"{name} is no time that a job could wait: {given}") from error
    return seconds


def _number(given: Any, name: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{name} must be a number, or a timedelta where it is a time: {given!r}")
    if not math.isfinite(given):
        raise ValueError(f"{name} must be a number: {given}")
    return int(given) if given == int(given) else float(given)
