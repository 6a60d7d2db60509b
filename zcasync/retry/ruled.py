"""Ruled: the policy of one call whose retries go by a rule (:mod:`zcasync.retry.rule`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from transaction.interfaces import TransientError
from twisted.python.failure import Failure
from twisted.python.reflect import qual

from zcasync import clock
from zcasync.database.errors import is_lost_by_storage
from zcasync.errors import AbortedError, JobCrashed, JobInterrupted
from zcasync.retry.exception_names import first_match, names_of, parents_of, up_to
from zcasync.retry.rule_values import RuleValues
from zcasync.retry.stock import UNSTORABLE, Answer, Counts, RetryCommonFourTimes
from zcasync.text import span


class Ruled(RetryCommonFourTimes):
    """``default``, and by the rule what that is for.  ``reason``: why it has answered so last."""

    def __init__(self, partial: Any, rule: RuleValues) -> None:
        super().__init__(partial)
        self._rule = rule
        self.reason = ""

    @property
    def attempts(self) -> int:
        """The number of attempts in all."""
        return self._rule.attempts

    @property
    def label(self) -> str:
        """The rule in a few words."""
        return self._rule.short

    @property
    def within(self) -> float | None:
        """The seconds from the first beginning on in which attempts may begin; None: no limit."""
        return self._rule.within

    def pause(self, failures: int) -> timedelta:
        """Return the pause after this many failures."""
        return timedelta(seconds=self._rule.pause(failures))

    def jobError(self, failure: Failure, counts: Counts) -> Answer:
        self.reason = ""
        return self._of_exception(failure, counts, super().jobError)

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        if isinstance(failure.value, UNSTORABLE):
            self.reason = "what cannot be stored is not tried again"
            return False
        self.reason = ""
        return self._of_exception(failure, counts, super().commitError)

    def interrupted(self, counts: Counts) -> Answer:
        self.reason = ""
        kind = JobCrashed if counts.is_crash else JobInterrupted
        parents = up_to(names_of(kind), AbortedError)
        refused = first_match(self._rule.not_on, parents)
        if refused is not None:
            return self._over(f"not_on {refused}")
        if first_match(self._rule.on, parents) is None:
            return self._in_time(super().interrupted(counts), counts)
        return self._counted(counts)

    def asked(self, counts: Counts, pause: timedelta | None) -> Answer:
        """Answer where the job itself asks to be tried again; ``pause`` None: by the rule."""
        return self._counted(counts, pause)

    def _of_exception(
        self, failure: Failure, counts: Counts, otherwise: Callable[[Failure, Counts], Answer]
    ) -> Answer:
        if is_lost_by_storage(failure.value):
            return otherwise(failure, counts)
        rule, parents = self._rule, parents_of(failure)
        is_conflict = qual(TransientError) in parents
        known = up_to(parents, TransientError) if is_conflict else parents
        refused = first_match(rule.not_on, known)
        if refused is not None:
            return self._over(f"not_on {refused}")
        wanted = first_match(rule.on, known)
        if wanted is None and (is_conflict or not failure.check(Exception)):
            return self._in_time(otherwise(failure, counts), counts)
        if rule.on and wanted is None:
            return self._over(f"not among on: {parents[0].removeprefix('builtins.')}")
        return self._counted(counts)

    def _counted(self, counts: Counts, pause: timedelta | None = None) -> Answer:
        """Answer by the number of failures that count."""
        number = self._number(counts)
        if number >= self._rule.attempts:
            return self._over(f"{number} of {self._rule.attempts}")
        self.reason = f"{number} of {self._rule.attempts}"
        return self._in_time(self.pause(number) if pause is None else pause, counts)

    def _number(self, counts: Counts) -> int:
        """Return how many failures count: those that ``on`` names, too."""
        number = counts.exceptions
        if self._rule.counts_conflicts:
            number += counts.conflicts
        if self._rule.counts_interruptions:
            number += counts.interruptions
        return max(1, number)

    def _over(self, reason: str) -> bool:
        self.reason = reason
        return False

    def _in_time(self, answer: Answer, counts: Counts) -> Answer:
        """Return the answer, or a no where the next attempt would be too late."""
        within = self._rule.within
        if within is None or answer is False or counts.began is None:
            return answer
        wait = answer // clock.MICROSECOND if isinstance(answer, timedelta) else 0
        if clock.now() + wait <= counts.began + within * 1e6:
            return answer
        return self._over(f"within {span(within)} of its first beginning")
