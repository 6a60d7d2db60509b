"""AttemptRecord: how a call's record changes with its attempts, and with what prevents them."""

from __future__ import annotations

from collections.abc import Iterable

from zcasync import clock
from zcasync.job.aside import Missing
from zcasync.job.checkpoint_record import CheckpointRecord
from zcasync.job.failure import StoredFailure
from zcasync.job.history import AttemptHistory, usable

#: So many commits of a call on its way are kept by their ids; more are only counted.
MOST_COMMITS = 10


class AttemptRecord(CheckpointRecord):
    """What is noted of attempts; their caller decides what follows, and commits."""

    def record_attempt(self, attempts: int, started: int, conflicts: int, exceptions: int) -> None:
        """Record the attempts so far, and when the last one began (microseconds)."""
        self._attempts = attempts
        self._started = started
        self.be_aside_no_more()
        if self._conflicts != conflicts:
            self._conflicts = conflicts
        if self._exceptions != exceptions:
            self._exceptions = exceptions

    def note_first_start(self, moment: int) -> None:
        """Record when the first attempt began, microseconds, unless that is known."""
        if self._first_started is None:
            self._first_started = moment

    def forget_first_start(self) -> None:
        """Let the time for all attempts begin anew with the next one.  Safe to repeat."""
        if self._first_started is not None:
            del self._first_started

    def snooze(self, snoozes: int) -> None:
        """Record that the call has put itself off so often; the time for all attempts begins anew.

        Safe to repeat.
        """
        self._snoozes = snoozes
        self.forget_first_start()

    def remember(self, failure: StoredFailure, moment: int, rule: str = "") -> None:
        """Keep the failure of an attempt that another one follows, and when it failed.

        ``rule``: what has decided that.  A history that cannot be loaded is begun anew.
        """
        history = usable(self._history)
        if history is None:
            history = self._history = AttemptHistory()
        worker = None if self.claim is None else self.claim.worker.bytes
        history.add(failure, worker, moment, rule)

    def keep_progress(self, last: tuple[float, float | None, str, int]) -> None:
        """Keep what the call has reported last: done, total, message, moment."""
        self._progress = last

    def note_commits(self, count: int, last: Iterable[tuple[int, bytes, str]]) -> None:
        """Note how often the call has committed on its way, and the last times.

        Each: the attempt, the transaction's id, the database's name.  Safe to repeat.
        """
        both = dict.fromkeys([*self._commits[1], *last])
        self._commits = (count, tuple(both)[-MOST_COMMITS:])

    def begin_once(self) -> None:
        """Record the start of a call that may begin only once."""
        self._once = True

    def be_aside(self, missing: Missing, limit: int) -> None:
        """Record that code is missing for it: the wait began now, unless one goes on, and ends.

        ``limit``: microseconds from the beginning on.
        """
        since = clock.now() if self._aside is None else self._aside[0]
        self._aside = (since, since + limit, missing.name, missing.text)

    def be_aside_no_more(self) -> None:
        """Record that the code is there, or that nobody waits for it."""
        if self._aside is not None:
            del self._aside

    def interrupt(self) -> None:
        """Count an interruption: the process that made the call has died."""
        self._interruptions += 1
        self._attempts = self.failed_attempts

    def overrun(self) -> None:
        """Count an attempt that was ended by its hard limit, as one that has raised."""
        self._exceptions += 1
        self._attempts = self.failed_attempts

    def forgive(self, retry_at: int | None = None) -> None:
        """Allow a new start after an interruption; ``retry_at``: microseconds, None: at once."""
        if self._once:
            self._once = False
        if retry_at is not None:
            self._retry_at = retry_at

    def leave_to_policy(self, death: StoredFailure) -> None:
        """Keep what a death ends the call with, unless its policy wants more."""
        self._unasked_death = death

    def note_asked(self) -> None:
        """Record that its policy was asked about the death before."""
        if self._unasked_death is not None:
            del self._unasked_death
