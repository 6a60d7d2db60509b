"""The tries of one call: counting them, asking the policy, pausing between them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transaction.interfaces import TransientError
from twisted.python.failure import Failure

from zcasync import clock
from zcasync.database.errors import is_storage_lost
from zcasync.errors import AbortedError
from zcasync.retry.policy import RetryDecision, ask, shown_name
from zcasync.retry.stock import Counts

if TYPE_CHECKING:
    from zcasync.job.record import PartialRecord

#: A pause between two tries takes no longer, seconds; what is to wait longer waits in its queue.
LONGEST_PAUSE = 5.0
#: A try uses up no more patience than this, seconds: the process may have been frozen in it.
LONGEST_TRY = 1.0
#: A try counts as this long at least, seconds, when the pause after it is chosen.
SHORTEST_TRY = 0.001
#: The exponent of the pause grows no further: it is far beyond the longest one then.
LARGEST_EXPONENT = 30


@dataclass(frozen=True)
class Timing:
    """Where the time between tries comes from: monotonic seconds, pauses, randomness."""

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform


class Attempts:
    """The tries of a partial's call from now on, on top of those in its record.

    Nothing is written before ``note``, because a try that fails takes back what it has written.
    """

    def __init__(self, partial: PartialRecord, policy: Any, timing: Timing) -> None:
        self.policy = policy
        self.problem = ""  # what was wrong with the policy's answer
        self._timing = timing
        self._interruptions = partial._interruptions
        self._conflicts = partial._conflicts
        self._exceptions = partial._exceptions
        self._moment = partial._started or clock.now()
        self._is_open = True  # a try has begun and not ended in vain
        self._mark, self._spent = timing.seconds(), 0.0

    def begin(self) -> None:
        """A try begins."""
        self._moment = clock.now()
        self._since = self._timing.seconds()
        self._is_open = True

    def failed(self, failure: Failure, at_commit: bool) -> RetryDecision | None:
        """A try has ended in vain: what the policy says to that."""
        if not is_storage_lost(failure.value, committing=at_commit):
            self._is_open = False
            if failure.check(TransientError):
                self._conflicts += 1
            else:
                self._exceptions += 1
        question = "commitError" if at_commit else "jobError"
        now = self._timing.seconds()
        self._spent += min(now - self._mark, LONGEST_TRY)
        self._mark = now
        counts = Counts(self._conflicts, self._interruptions, self._exceptions, self._spent)
        answer, self.problem = ask(self.policy, question, failure, counts)
        return answer

    def evidence(self, error: BaseException) -> dict[str, Any]:
        """What else the final Failure is to say."""
        found: dict[str, Any] = {}
        if isinstance(error, TransientError):
            found["attempts"] = self._attempts
        if self.problem:
            found["retry"] = self.problem
        return found

    def pause(self, again: RetryDecision) -> None:
        """Wait before the next try.

        Longer after each failure, and in proportion to the try that failed: whoever interfered
        shall be through by then, and not all that failed together come back together.
        """
        if again.at is not None:
            longest = max(0.0, (again.at - clock.now()) / 1e6)
            self._timing.sleep(min(LONGEST_PAUSE, longest))
            return
        took = max(SHORTEST_TRY, self._timing.seconds() - self._since)
        exponent = min(LARGEST_EXPONENT, self._conflicts + self._exceptions)
        longest = min(LONGEST_PAUSE, took * 2**exponent)
        self._timing.sleep(self._timing.uniform(0, longest))

    def note(self, partial: PartialRecord) -> None:
        """Write the counts, and when the last try began, in the partial's record."""
        partial._attempts = self._attempts
        partial._started = self._moment
        if partial._conflicts != self._conflicts:
            partial._conflicts = self._conflicts
        if partial._exceptions != self._exceptions:
            partial._exceptions = self._exceptions

    @property
    def _attempts(self) -> int:
        return self._interruptions + self._conflicts + self._exceptions + self._is_open


def in_vain(partial: PartialRecord) -> int:
    """How many starts of a call ended in vain, as its record has it."""
    return partial._interruptions + partial._conflicts + partial._exceptions


def begun_before(partial: PartialRecord) -> AbortedError:
    """The reason to give for a call that was begun and may not be made a second time."""
    return AbortedError(
        f"it was begun before, nobody knows how it ended, and its retry policy "
        f"{shown_name(partial)!r} lets it begin only once"
    )


def can_wait(partial: PartialRecord) -> bool:
    """Whether a claimed partial could go back to its queue; callbacks and direct calls cannot."""
    return partial._queue is not None and partial._claim is not None and partial._parent is None
