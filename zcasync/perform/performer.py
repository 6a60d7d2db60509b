"""The performer: begin, call, decide, commit, follow up.

Effects, result and state of a call are one commit.  This is the same code in a child, in the
supervisor's reactor jobs, in tests and in a direct call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

from twisted.python.failure import Failure

from zcasync.database.errors import give_up
from zcasync.errors import Snooze
from zcasync.job.callbacks import Delegate
from zcasync.job.completion import is_done, waiter
from zcasync.job.failure import sanitize
from zcasync.job.record import PartialRecord
from zcasync.perform.begin import begin, resume
from zcasync.perform.call import call
from zcasync.perform.commits import Commits
from zcasync.perform.conflicts import conflict_of
from zcasync.perform.follow_up import FollowUp
from zcasync.perform.notices import has_failed, is_same, tell_end, tell_retry
from zcasync.perform.run import Host, Run
from zcasync.perform.transactions import Transactions
from zcasync.retry.decision import Decision, End, Later, Now, decide
from zcasync.retry.fault import Fault, Raised, Repeat
from zcasync.workers.incarnation import Incarnation


class Performer:
    """A performer of partials, with the functions of a :class:`zcasync.perform.run.Host`.

    A call that its retry policy reschedules is left active, with a moment to retry at: its claimer
    releases it to the queue, because performers, which are many, write no record of a queue.
    """

    def __init__(
        self, storage_lost: Callable[[BaseException], None] = give_up, **options: Any
    ) -> None:
        self.host = Host(storage_lost, **options)
        self.commits = Commits(storage_lost)

    def perform(
        self,
        partial: PartialRecord,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Call a partial, store the result, commit, run the callbacks.

        Raises FencedError when this process may not commit any more, and what the storage raises
        when it cannot even store a failure.
        """
        run = begin(partial, args, kwargs or {}, self.host.of_job(partial))
        if run.is_open:  # else another process has ended it, and follows up
            FollowUp(self._make, run.host).run(run)

    def perform_claimed(self, partial: PartialRecord, incarnation: Incarnation) -> bool:
        """Do what is left for a partial that this incarnation claimed; return whether any was.

        To be called in a new transaction of the partial's connection.  Raises as ``perform``.
        """
        if partial.has_result and not is_done(partial):
            self.run_callbacks(partial)
        elif partial.is_claimed_by(incarnation):
            self.perform(partial)
        else:
            return False
        return True

    def perform_unclaimed(
        self, partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Commit what the caller changed, then perform a partial that is in no queue."""
        partial.start()
        Transactions(partial).commit()
        self.perform(partial, args, kwargs)

    def settle(self, partial: PartialRecord, value: Any) -> None:
        """Store the value that a partial's Deferred has fired with; run the callbacks.

        A Failure counts as raised by the call.
        """
        if isinstance(value, Failure):
            run = resume(partial, self.host)
            if run.is_open:
                self._decide(run, Raised(value, repeat=Repeat.IN_THE_QUEUE))
        else:
            if self.commits.settle(partial, value):
                self.tell_end(partial)
        self.follow_up(partial)

    def finish(self, partial: PartialRecord, result: Any) -> None:
        """End a partial with this (storable) result without calling it; run the callbacks."""
        if self.commits.end(partial, result):
            self.tell_end(partial)
        self.follow_up(partial)

    def tell_end(self, partial: PartialRecord) -> None:
        """Tell of an end that was committed here, where the call or who has waited has failed."""
        if has_failed(partial):
            tell_end(partial, self.host.tell)
        self._tell_waiter(partial)

    def _tell_waiter(self, callback: PartialRecord) -> None:
        """Tell who has waited for the result that a callback has handed on, or could not.

        What another process has ended meanwhile has another result.
        """
        waiting = waiter(callback)
        if waiting is None or callback.parent is None:
            return
        results = callback.stored_result, callback.parent.stored_result
        given = next((one for one in results if isinstance(one, Failure)), None)
        if given is not None and is_same(waiting.stored_result, sanitize(given)):
            tell_end(waiting, self.host.tell)

    def follow_up(self, partial: PartialRecord) -> None:
        """Run what follows once a partial has its result.  Safe to repeat."""
        FollowUp(self._make, self.host.of_job(partial)).run(partial)

    def run_callbacks(self, partial: PartialRecord) -> None:
        """Run the callbacks that have not run, then complete the partial.  Safe to repeat."""
        self.follow_up(partial)

    def note_conflict(self, error: BaseException, partials: Iterable[PartialRecord]) -> None:
        """Have it counted where these calls are attempted again for a conflict."""
        conflict = conflict_of(error, partials)
        if conflict is not None:
            self.host.conflicted(conflict)

    def _make(self, run: Run) -> PartialRecord | Delegate:
        """Call a partial until its end or its wait is committed; return it.

        Or return what is to be performed before the call is made again.
        """
        while run.is_open:
            run, found = run.host.within(call, run)
            if isinstance(found, Delegate):
                return found
            if found is None or self.commits.is_there(run, found):
                if run.is_open and run.deferred is None:
                    self.tell_end(run.partial)
                break
            run = self._decide(run, found)
        return run.partial

    def _decide(self, run: Run, fault: Fault) -> Run:
        decision = decide(run.partial, fault, run.attempts)
        return self.act(run, fault, decision)

    def act(self, run: Run, fault: Fault, decision: Decision) -> Run:
        """Act on the decision about a run, and tell what came of it; return the run.

        A conflict that is repeated at once is not worth it, nor is what others have ended.
        """
        partial, tell = run.partial, self.host.tell
        number = 0 if run.attempts is None else run.attempts.count
        if isinstance(fault, Raised) and isinstance(decision, Now | Later):
            self.note_conflict(fault.error, [partial])
        if isinstance(decision, Now) and isinstance(fault, Raised) and fault.is_the_calls:
            tell_retry(partial, fault.failure, number, decision.at, tell)
        run = self.commits.apply(run, fault, decision)
        if isinstance(decision, End) and is_same(partial.stored_result, decision.result):
            tell_end(partial, tell)
            self._tell_waiter(partial)
        elif isinstance(decision, Later) and _is_failed(fault) and partial.retry_at:
            tell_retry(partial, fault.failure, number, partial.retry_at, tell)
        return run


def _is_failed(fault: Fault) -> TypeGuard[Raised]:
    """Return whether an attempt has failed: none has where the job has put itself off."""
    return isinstance(fault, Raised) and not isinstance(fault.error, Snooze)
