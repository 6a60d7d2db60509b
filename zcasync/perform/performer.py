"""Performing a partial: one commit decides over effects, result and state together.

This is the same code in a child, in the supervisor's reactor jobs, in tests and in a direct call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.errors import NOT_COMMITTED, give_up, is_storage_lost
from zcasync.errors import AbortedError, FencedError, MissingCallable, MissingPolicy
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.arguments import loaded
from zcasync.job.callables import call_here
from zcasync.job.callbacks import Delegate
from zcasync.job.completion import complete, is_done, waiter
from zcasync.job.failure import from_exception, sanitize
from zcasync.job.record import PartialRecord
from zcasync.perform.commits import Commits
from zcasync.perform.progress import running
from zcasync.perform.result import fired, is_deferred, refuse, take
from zcasync.perform.transactions import Transactions, end_transaction
from zcasync.retry.attempts import Attempts, Timing, begun_before, can_wait
from zcasync.retry.policy import policy_of


class Performer:
    """Performs partials.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  A commit that was in doubt is then looked up in the record, never guessed.
    ``invoke(call, *args, **kwargs)`` makes the call itself, where it has to be made.
    ``hold(partial, deferred)`` is given a Deferred that a job returned, once it is committed that
    the job has begun; ``settle`` is to be called with what the Deferred fires with.
    ``wait(deferred)`` returns what the Deferred of a callback fires with, or raises it: callbacks
    are run one after the other, so this thread has nothing else to do.  Without ``hold`` it is
    asked for jobs, too.
    ``detach(partial)`` lets go of the connection and returns a function that gets a connection
    again and finds the partial in it, for calls that need none while they work.
    ``timing``: the clock, the pauses and the randomness of tries.

    A call whose retry policy wants it to wait is left ACTIVE with ``_retry_at``: whoever claimed it
    gives it back to its queue, which the performer, one of many writers, leaves alone.
    """

    def __init__(
        self,
        storage_lost: Callable[[BaseException], None] = give_up,
        invoke: Callable[..., Any] = call_here,
        hold: Callable[[PartialRecord, Any], None] | None = None,
        detach: Callable[[PartialRecord], Callable[[], PartialRecord]] = end_transaction,
        wait: Callable[[Any], Any] = refuse,
        timing: Timing | None = None,
    ) -> None:
        self.wait_for_storage = storage_lost
        self.commits = Commits(storage_lost)
        self._invoke = invoke
        self._hold = hold
        self._detach = detach
        self._wait = wait
        self.timing = timing or Timing()

    def call(self, partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Perform a partial that no worker claimed.  What the caller changed is committed first."""
        partial._move_to(ACTIVE)
        Transactions(partial).commit()
        self.perform(partial, args, kwargs)

    def perform(
        self,
        partial: PartialRecord,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Call it, store the result, commit, run the callbacks.

        Raises FencedError when this process may not commit any more, and what the storage raises
        when it cannot even store a failure.
        """
        try:
            tries = Attempts(partial, policy_of(partial), self.timing)
            if partial._once:
                raise begun_before(partial)
            if partial._detached:
                loaded(partial)  # what is not there cannot begin
        except (AbortedError, MissingPolicy, MissingCallable) as error:
            self.finish(partial, from_exception(error))
            return
        tries.begin()
        if partial._detached or tries.policy.at_most_once:
            self.commits.begin(partial, tries)
            if partial.state != ACTIVE:  # somebody was quicker to end it
                return
        if partial._detached:
            self._perform_detached(partial, args, kwargs or {}, tries)
            return
        while self._try(partial, args, kwargs or {}, tries):
            tries.begin()
        self.after(partial)

    def _try(
        self, partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any], tries: Attempts
    ) -> bool:
        """Make the call and commit; whether it is to be tried again, here and now."""
        transactions = Transactions(partial)
        has_returned = False
        try:
            deferred = self.attempt(partial, args, kwargs, tries)
            has_returned = True
            transactions.commit()
        except (FencedError, KeyboardInterrupt, GeneratorExit):
            transactions.abort()
            raise
        except BaseException as error:  # SystemExit too: whatever ends a job becomes its result
            transactions.abort()
            return self._goes_on(partial, tries, error, at_commit=has_returned)
        if deferred is not None and self._hold is not None:
            self._hold(partial, deferred)
        return False

    def _goes_on(
        self, partial: PartialRecord, tries: Attempts, error: BaseException, at_commit: bool
    ) -> bool:
        """What becomes of a call that went wrong; whether it is to be tried again, here and now."""
        again = tries.failed(Failure(error), at_commit)
        is_lost = is_storage_lost(error, committing=at_commit)
        if is_lost:
            self.wait_for_storage(error)
        if again is None:
            self.commits.end(partial, from_exception(error, **tries.evidence(error)), tries)
            return False
        if again.at is not None and can_wait(partial):
            self.commits.put_off(partial, tries, again.at)
            return False
        if not is_lost:
            tries.pause(again)
        Transactions(partial).begin()
        # Otherwise the commit that was in doubt is there.
        return partial.state in (PENDING, ACTIVE) and partial._waits_for is None

    def _perform_detached(
        self, partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any], tries: Attempts
    ) -> None:
        """Make a call without a connection, whose start is committed, and store the result."""
        call = loaded(partial)
        given = (*partial._args, *args)
        named = {**(partial._kwargs or {}), **kwargs}
        attach = self._detach(partial)
        is_held = False
        try:
            value = self._invoke(call, *given, **named)
            if is_deferred(value):
                is_held = self._is_to_be_held(partial, value)
                value = value if is_held else self._outcome(value)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit too: whatever ends a job becomes its result
            self._settle_failure(self._attached(attach), Failure(error))
            return
        partial = self._attached(attach)
        if is_held and self._hold is not None:
            self._hold(partial, value)
        else:
            self.commits.settle(partial, value)
            self.after(partial)

    def _attached(self, attach: Callable[[], PartialRecord]) -> PartialRecord:
        """The partial in a connection again; the call is not made anew because that takes long."""
        while True:
            try:
                return attach()
            except NOT_COMMITTED as error:
                self.wait_for_storage(error)

    def _is_to_be_held(self, partial: PartialRecord, deferred: Any) -> bool:
        is_open = not deferred.called or deferred.paused
        return is_open and self._hold is not None and partial._parent is None

    def _outcome(self, deferred: Any) -> Any:
        """What a Deferred fires with; raises it when it is a Failure."""
        value = fired(deferred) if deferred.called and not deferred.paused else self._wait(deferred)
        if isinstance(value, Failure):
            if value.check(KeyboardInterrupt, GeneratorExit):  # what fires it interrupts nobody
                raise AbortedError(
                    f"the Deferred fired with a {type(value.value).__name__}"
                ) from value.value
            value.raiseException()
        return value

    def finish(self, partial: PartialRecord, result: Any) -> None:
        """Give a partial its (storable) result without calling it; run the callbacks."""
        self.commits.end(partial, result)
        self.after(partial)

    def settle(self, partial: PartialRecord, value: Any) -> None:
        """Give a partial what the Deferred that it returned has fired with; run the callbacks.

        A Failure is what the call has raised: the retry policy is asked.
        """
        if isinstance(value, Failure):
            self._settle_failure(partial, value)
        else:
            self.commits.settle(partial, value)
            self.after(partial)

    def _settle_failure(self, partial: PartialRecord, failure: Failure) -> None:
        Transactions(partial).begin()
        if partial.state != ACTIVE:
            self.after(partial)
            return
        try:
            tries = Attempts(partial, policy_of(partial), self.timing)
        except MissingPolicy:
            self.finish(partial, sanitize(failure))
            return
        again = tries.failed(failure, at_commit=False)
        if again is not None and can_wait(partial):
            self.commits.put_off(partial, tries, clock.now() if again.at is None else again.at)
            return
        assert failure.value is not None
        self.commits.end(partial, sanitize(failure, **tries.evidence(failure.value)), tries)
        self.after(partial)

    def run_callbacks(self, partial: PartialRecord) -> None:
        """Run the callbacks that have not run, then complete the partial.  Safe to repeat."""
        transactions = Transactions(partial)
        while True:
            transactions.begin()
            todo = [callback for callback in partial.callbacks if not is_done(callback)]
            if todo:
                self._run_callback(partial, todo[0])
                continue
            try:
                if complete(partial):
                    transactions.commit()
                return
            except ConflictError:  # somebody added one more in this instant
                transactions.abort()
            except NOT_COMMITTED as error:
                transactions.abort()
                self.wait_for_storage(error)

    def _run_callback(self, partial: PartialRecord, callback: PartialRecord) -> None:
        if callback.state in (PENDING, ACTIVE):
            self.perform(callback, (partial.result,))
        else:
            self.after(callback)

    def attempt(
        self, partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any], tries: Attempts
    ) -> Any:
        """Make the call and take the result; returns a Deferred that has not fired, else None."""
        call = loaded(partial)
        named = {**(partial._kwargs or {}), **kwargs}
        with running(partial):
            value = self._invoke(call, *partial._args, *args, **named)
        if isinstance(value, Delegate):
            value = self._delegate(partial, value)
        if partial.state == PENDING:
            partial._move_to(ACTIVE)
        tries.note(partial)
        if is_deferred(value):
            if self._is_to_be_held(partial, value):
                return value
            value = self._outcome(value)
        take(partial, value)
        if partial._parent is not None and is_done(partial):
            complete(partial._parent)
        return None

    def _delegate(self, partial: PartialRecord, delegate: Delegate) -> PartialRecord:
        inner = delegate.partial
        if inner.state == PENDING:
            self.perform(inner, delegate.args)
            Transactions(partial).begin()
        elif not is_done(inner):
            self.after(inner)  # its result is there; somebody died before its callbacks had run
            Transactions(partial).begin()
        return inner

    def after(self, partial: PartialRecord) -> None:
        """Do what is to be done once it has its result."""
        if partial.state == ACTIVE and partial._waits_for is None:
            return  # it waits for a Deferred, or to be given back to its queue
        if not is_done(partial):
            self.run_callbacks(partial)
        waiting = waiter(partial)
        if waiting is not None and not is_done(waiting):
            self.run_callbacks(waiting)
