"""Commits by which a partial begins, is rescheduled, and ends; repeated until they succeed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.errors import NOT_COMMITTED
from zcasync.errors import BadStateError, UnstorableError
from zcasync.interfaces import ACTIVE
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.job.record import PartialRecord
from zcasync.perform.result import accept
from zcasync.perform.run import Run
from zcasync.perform.transactions import Transactions
from zcasync.retry.attempts import Attempts
from zcasync.retry.decision import Decision, End, Later, Now
from zcasync.retry.fault import Fault, Raised


class Commits:
    """The commits of a performer: they write the records of partials.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  A commit that conflicts, or was in doubt, is repeated on the records as they are then.
    """

    def __init__(self, storage_lost: Callable[[BaseException], None]) -> None:
        self._storage_lost = storage_lost

    def apply(self, run: Run, fault: Fault, decision: Decision) -> Run:
        """Act on the decision about a run; return it, closed unless it is to be attempted again."""
        is_lost = isinstance(fault, Raised) and fault.is_storage_lost
        if is_lost:
            self._storage_lost(fault.error)  # type: ignore[union-attr]
        match decision:
            case End(result):
                self.end(run.partial, result, run.attempts)
            case Later(at):
                self.reschedule(run.partial, run.attempts, clock.now() if at is None else at)
            case Now(until):
                return self._again(run, until, pause=not is_lost)
        return run.closed()

    def _again(self, run: Run, until: int | None, pause: bool) -> Run:
        assert run.attempts is not None
        if pause:
            run.attempts.pause(until)
        Transactions(run.partial).begin()
        partial = run.partial
        if partial.has_result or partial.waits_for is not None:
            return run.closed()  # the commit that was in doubt has succeeded
        run.attempts.begin()
        return run

    def begin(self, partial: PartialRecord, attempts: Attempts) -> None:
        """Record that the call begins, before it is made; under some policies for the only time."""

        def change() -> None:
            attempts.record(partial)
            if attempts.policy.at_most_once:
                partial.begin_once()
            partial.start()

        self._commit(partial, change)

    def reschedule(self, partial: PartialRecord, attempts: Attempts | None, moment: int) -> None:
        """Leave the call for its claimer to release for this moment (microseconds)."""

        def change() -> None:
            if partial.is_unfinished:
                if attempts is not None:
                    attempts.record(partial)
                partial.reschedule(moment)

        self._commit(partial, change)

    def end(self, partial: PartialRecord, result: Any, attempts: Attempts | None = None) -> None:
        """End a partial with this (storable) result; ``attempts``: those of a call that was begun.

        Nothing happens when it has a result, or a commit that was in doubt has succeeded.
        """

        def change() -> None:
            if attempts is not None:
                if partial.waits_for is not None:
                    return
                attempts.record(partial)
            end(partial, result, follows_up=True)

        self._commit(partial, change)

    def settle(self, partial: PartialRecord, value: Any) -> None:
        """Make ``value`` the result of an active partial, or let the partial wait for it."""

        def change() -> None:
            if partial.state == ACTIVE:
                accept(partial, value)

        try:
            self._commit(partial, change)
        except (UnstorableError, BadStateError) as error:
            Transactions(partial).abort()
            self.end(partial, from_exception(error))

    def _commit(self, partial: PartialRecord, change: Callable[[], None]) -> None:
        """Commit a change of a partial that has no result yet."""
        transactions = Transactions(partial)
        while True:
            try:
                transactions.begin()
                if partial.has_result:
                    return
                change()
                transactions.commit()
                return
            except ConflictError:
                transactions.abort()
            except NOT_COMMITTED as error:
                transactions.abort()
                self._storage_lost(error)
