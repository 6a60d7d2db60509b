"""Commits by which a partial begins, is rescheduled, and ends; repeated until they succeed."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial as bound
from typing import Any, TypeVar

from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.commit_once import commit_once, look_up
from zcasync.errors import BadStateError, UnstorableError
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.job.record import PartialRecord
from zcasync.perform.attribution import keep_commits
from zcasync.perform.missing import SetAside
from zcasync.perform.noted import Noted
from zcasync.perform.progress import keep_last
from zcasync.perform.result import accept
from zcasync.perform.run import Run
from zcasync.perform.transactions import Transactions
from zcasync.retry.attempts import Attempts
from zcasync.retry.decision import Decision, End, Later, Now, Wait
from zcasync.retry.fault import Fault, Raised, Stopped

T = TypeVar("T")


class Start(Enum):
    """What became of the start of a call."""

    MADE = auto()  # it is committed: make the call
    NOT_AGAIN = auto()  # another process has begun it first, and it may begin only once
    NOT_OURS = auto()  # it is over, or an undo has taken it away, and others may begin it


class Commits:
    """The commits of a performer: they write the records of partials.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  A commit that conflicts, or was in doubt, is repeated on the records as they are then.
    """

    def __init__(self, storage_lost: Callable[[BaseException], None]) -> None:
        self._storage_lost = storage_lost

    def is_there(self, run: Run, fault: Fault) -> bool:
        """Return whether the commit that ended in a fault is there all the same.

        Waits for a storage that was lost.  The Deferred that the call has returned is held then.
        """
        if run.noted is None or not isinstance(fault, Raised):
            return False
        if isinstance(fault.error, ConflictError):
            return False
        if fault.is_storage_lost:
            self._storage_lost(fault.error)
        question = bound(run.noted.is_stored, run.partial)
        if not look_up(Transactions(run.partial), question, self._storage_lost):
            return False
        run.hold()
        return True

    def apply(self, run: Run, fault: Fault, decision: Decision) -> Run:
        """Act on the decision about a run; return it, closed unless it is to be attempted again.

        Raises SetAside where it is to wait for code.
        """
        is_lost = isinstance(fault, Raised) and fault.is_storage_lost
        if is_lost and run.noted is None:
            self._storage_lost(fault.error)  # type: ignore[union-attr]
        match decision:
            case End(result):
                self.end(run.partial, result, run)
            case Later(at):
                moment, is_stopped = clock.now() if at is None else at, isinstance(fault, Stopped)
                attempts = None if is_stopped else run.attempts
                self.reschedule(run, attempts, moment, is_stopped)
            case Wait(missing):
                raise SetAside(missing)
            case Now(until):
                return self._again(run, until, pause=not is_lost)
        return run.closed()

    def _again(self, run: Run, until: int | None, pause: bool) -> Run:
        assert run.attempts is not None
        if pause:
            run.attempts.pause(until)
        Transactions(run.partial).begin()
        if run.partial.has_result or run.partial.waits_for is not None:
            return run.closed()  # another process has ended it
        if not run.is_ours:
            return run.closed()
        run.attempts.begin()
        return run

    def begin(self, run: Run) -> Start:
        """Record that the call begins, before it is made; under some policies for the only time."""
        partial, attempts = run.partial, run.attempts
        assert attempts is not None

        def change() -> Noted | Start:
            if not run.is_ours:
                return Start.NOT_OURS
            if attempts.policy.at_most_once:
                if partial.has_begun_once:
                    return Start.NOT_AGAIN
                partial.begin_once()
            attempts.record(partial)
            noted = Noted.of(partial)
            partial.start()
            return noted

        def is_there(made: Noted | Start | None) -> bool:
            return isinstance(made, Noted) and made.is_stored(partial)

        made = self._commit(partial, change, is_there)
        if made is None:
            return Start.NOT_OURS
        return Start.MADE if isinstance(made, Noted) else made

    def go_on(self, run: Run) -> bool:
        """Record that the policy of a call, asked about the death before, wants it made again.

        Return whether it is to be made here.
        """
        partial = run.partial

        def change() -> bool:
            if run.is_ours:
                partial.note_asked()
            return run.is_ours

        def is_there(made: object) -> bool:
            return partial.unasked_death is None

        return bool(self._commit(partial, change, is_there))

    def reschedule(
        self,
        run: Run,
        attempts: Attempts | None,
        moment: int,
        is_stopped: bool = False,
    ) -> None:
        """Leave the call for its claimer to release for this moment (microseconds).

        ``attempts``: those to be recorded.  ``is_stopped``: at a checkpoint, so that the time of
        its rule begins anew.
        """
        partial = run.partial

        def change() -> bytes:
            serial: bytes = partial._p_serial
            if partial.is_unfinished and run.is_ours:
                if attempts is not None:
                    attempts.record(partial)
                    keep_commits(partial)
                if is_stopped:
                    partial.forget_first_start()
                partial.note_asked()
                partial.reschedule(moment)
            return serial

        def is_there(serial: bytes | None) -> bool:
            partial._p_activate()
            return bool(partial._p_serial != serial)  # its claimer may have released it already

        self._commit(partial, change, is_there)

    def end(self, partial: PartialRecord, result: Any, run: Run | None = None) -> bool:
        """End a partial with this (storable) result; ``run``: of the call, where that was begun.

        Return whether this has ended it: nothing happens when it has a result.
        """

        def change() -> int | None:
            if run is not None and run.attempts is not None:
                if partial.waits_for is not None or not run.is_ours:
                    return None
                run.attempts.record(partial)
                keep_last(partial)
                keep_commits(partial)
            end(partial, result, follows_up=True)
            return partial.ended_at

        moment = self._commit(partial, change, lambda _: partial.has_result)
        return moment is not None and partial.ended_at == moment

    def settle(self, partial: PartialRecord, value: Any) -> bool:
        """Make ``value`` the result of an active partial, or let the partial wait for it.

        Return whether this has ended it.
        """

        def change() -> int | None:
            if partial.is_unfinished:
                keep_last(partial)
                keep_commits(partial)
                accept(partial, value)
                return partial.ended_at
            return None

        try:
            moment = self._commit(partial, change, lambda _: not partial.is_unfinished)
        except (UnstorableError, BadStateError) as error:
            Transactions(partial).abort()
            return self.end(partial, from_exception(error))
        return moment is not None and partial.ended_at == moment

    def _commit(
        self, partial: PartialRecord, change: Callable[[], T], is_there: Callable[[T | None], bool]
    ) -> T | None:
        """Commit a change of a partial; return what it returns, None when there is a result.

        ``is_there(made)``: see :func:`zcasync.database.commit_once.commit_once`.
        """

        def unless_over() -> T | None:
            return None if partial.has_result else change()

        def is_over_or_there(made: T | None) -> bool:
            return partial.has_result or is_there(made)

        return commit_once(
            Transactions(partial), unless_over, is_over_or_there, storage_lost=self._storage_lost
        )
