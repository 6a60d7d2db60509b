"""The attempts of one call: counting them, and pausing between them."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transaction.interfaces import TransientError

from zcasync import clock
from zcasync.errors import Retry
from zcasync.job.failure import StoredFailure, sanitize
from zcasync.job.history import MOST_ATTEMPTS
from zcasync.job.record import PartialRecord
from zcasync.retry.fault import Raised
from zcasync.retry.policy import (
    RetryDecision,
    ask,
    ask_for,
    label_of,
    reason_of,
    shown_name,
    within_of,
)
from zcasync.retry.stock import Counts

#: A pause between two attempts takes no longer, seconds; what is to wait longer waits in its queue.
LONGEST_PAUSE = 5.0
#: An attempt uses up no more patience than this, seconds: the process may have been frozen in it.
LONGEST_ATTEMPT = 1.0
#: An attempt counts as this long at least, seconds, when the pause after it is chosen.
SHORTEST_ATTEMPT = 0.001
#: The exponent of the pause grows no further: it is far beyond the longest one then.
LARGEST_EXPONENT = 30


@dataclass(frozen=True)
class Timing:
    """The clock of attempts: monotonic seconds, pauses (seconds), randomness."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform


class Attempts:
    """The attempts of a partial's call from now on, on top of those in its record.

    Nothing is written before ``record``, because the changes of a failed attempt are aborted.
    """

    def __init__(self, partial: PartialRecord, policy: Any, timing: Timing) -> None:
        self.policy = policy
        self._claim = _claim_of(partial)
        self._problem = ""  # what was wrong with the policy's answer
        self._reason = ""  # why it has answered so, where it says that
        self._policy_name = shown_name(partial)
        self._timing = timing
        self._interruptions = partial.interruptions
        self._conflicts = partial.conflicts
        self._forgiven = partial.conflicts_by_checkpoint
        self._exceptions = partial.exceptions
        self._snoozes = partial.snoozes
        self.given_up = 0  # commits in a row that the server has given up
        self._moment = partial.started_at or clock.now()
        self._is_open = True  # one has begun and not failed
        # And another one follows; no more of them than a history keeps.
        self._failed: deque[tuple[StoredFailure, int, str]] = deque(maxlen=MOST_ATTEMPTS)
        self._first = partial.first_started_at  # the moment, where the policy needs that
        self._mark, self._spent = timing.seconds(), 0.0

    def are_of_claim(self, partial: PartialRecord) -> bool:
        """Return whether the partial has the claim that it had: an undo can take it away."""
        return _claim_of(partial) == self._claim

    def begin(self) -> None:
        """Begin an attempt."""
        self._moment = clock.now()
        self._note_first()
        self._since = self._timing.seconds()
        self._is_open = True

    def failed(self, fault: Raised) -> RetryDecision | None:
        """Count a failed attempt and ask the policy; return its decision, None: no further one."""
        self._count_given_up(fault)
        if not fault.is_storage_lost:
            self._is_open = False
            if fault.failure.check(TransientError):
                self._conflicts += 1
            else:
                self._exceptions += 1
        now = self._timing.seconds()
        self._spent += min(now - self._mark, LONGEST_ATTEMPT)
        self._mark = now
        return self._ask(fault)

    def _ask(self, fault: Raised) -> RetryDecision | None:
        self._note_first()
        counts = Counts(
            self._conflicts - self._forgiven,
            self._interruptions,
            self._exceptions,
            self._spent,
            self._first,
        )
        self._problem = ""
        if isinstance(fault.error, Retry):
            answer, self._reason = ask_for(self.policy, fault.error, counts)
            return answer
        question = "commitError" if fault.at_commit else "jobError"
        answer, self._problem = ask(self.policy, question, fault.failure, counts)
        self._reason = reason_of(self.policy)
        return answer

    def _note_first(self) -> None:
        if self._first is None and within_of(self.policy) is not None:
            self._first = self._moment

    def snooze(self) -> None:
        """Count that the call has put itself off: the attempt is none, and time begins anew."""
        self._is_open = False
        self._snoozes += 1
        self._first = None

    def _count_given_up(self, fault: Raised) -> None:
        if fault.is_given_up:
            self.given_up += 1
        elif not fault.is_storage_lost:
            self.given_up = 0

    def rule(self, follows: str) -> str:
        """Return what has decided what follows, for people: ``rule(attempts=5): 2 of 5, over``."""
        reason = f"{self._reason}, " if self._reason else ""
        return f"{label_of(self._policy_name, self.policy)}: {reason}{follows}"

    def keep(self, fault: Raised, at: int | None) -> None:
        """Keep the failed attempt, which another one follows, for the history of the call.

        ``at``: not before this moment, microseconds; None: at once.

        Conflicts are kept where the call waits after one: most are repeated at once, and writing
        them down would make the busiest records of all a little busier.
        """
        if not fault.is_storage_lost:
            told = self.rule(again_text(at))
            self._failed.append((sanitize(fault.failure), clock.now(), told))

    def evidence(self, error: BaseException) -> dict[str, Any]:
        """Return further evidence for the final Failure."""
        found: dict[str, Any] = {}
        if isinstance(error, TransientError):
            found["attempts"] = self.count
        if self._problem:
            found["retry"] = self._problem
        elif self._reason:
            found["retry"] = self.rule("over")
        return found

    def pause(self, until: int | None) -> None:
        """Wait before the next attempt, ``until`` a moment in microseconds where one is given.

        Otherwise longer after each failure, and in proportion to the attempt that failed, so that
        what interfered is finished by then; at random, so that attempts which failed together are
        not repeated together.
        """
        if until is not None:
            longest = max(0.0, (until - clock.now()) / 1e6)
            self._timing.sleep(min(LONGEST_PAUSE, longest))
            return
        took = max(SHORTEST_ATTEMPT, self._timing.seconds() - self._since)
        exponent = min(LARGEST_EXPONENT, self._conflicts - self._forgiven + self._exceptions)
        longest = min(LONGEST_PAUSE, took * 2**exponent)
        self._timing.sleep(self._timing.uniform(0, longest))

    def record(self, partial: PartialRecord) -> None:
        """Write the counts, when the last attempt began, and what was kept, in the record."""
        partial.record_attempt(self.count, self._moment, self._conflicts, self._exceptions)
        if self._snoozes != partial.snoozes:
            partial.snooze(self._snoozes)
        if self._first is not None:
            partial.note_first_start(self._first)
        for failure, moment, rule in self._failed:
            partial.remember(failure, moment, rule)

    def note_checkpoint(self) -> None:
        """Note that a checkpoint is committed, with all that was recorded before.

        Conflicts count from here on, and so does the time that attempts take.
        """
        self._failed.clear()
        self._forgiven = self._conflicts
        self._mark, self._spent = self._timing.seconds(), 0.0

    @property
    def count(self) -> int:
        """The number of attempts, those in the record among them, that have begun."""
        return self._interruptions + self._conflicts + self._exceptions + self._is_open


def again_text(at: int | None) -> str:
    """Return when another attempt follows, for people.  ``at``: microseconds; None: at once."""
    if at is None or at <= clock.now():
        return "again at once"
    return f"again at {clock.nearest_datetime(at):%Y-%m-%d %H:%M:%S} UTC"


def _claim_of(partial: PartialRecord) -> bytes | None:
    """Return the oid of the claiming engine's record, in whichever connection; None: no claim."""
    return None if partial.claim is None else partial.claim._p_oid  # type: ignore[no-any-return]
