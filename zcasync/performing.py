"""Performing a partial: one commit decides over effects, result and state together.

This is the same code in a child, in the supervisor's reactor jobs, in tests and in a direct call.
"""

from __future__ import annotations

import inspect
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import ConflictError, POSError

from zcasync import clock
from zcasync.callables import load_form
from zcasync.callbacks import Delegate
from zcasync.errors import BadStateError, FencedError, MissingCallable, UnstorableError
from zcasync.failure import from_exception
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.partial import Partial
from zcasync.reporting import running
from zcasync.settling import complete, fired, is_deferred, is_done, take, waiter
from zcasync.transactions import Transactions

#: A job that conflicts with others is begun at most this often (RetryCommonFourTimes).
CONFLICT_ATTEMPTS = 5
#: How long workers try at least, seconds, and the pause before a try, doubled up to 8 times.
CONFLICT_PATIENCE = 10.0
CONFLICT_PAUSE = 0.001


@dataclass(frozen=True)
class Start:
    """One start of a call: which attempt, and when in microseconds."""

    attempt: int
    moment: int

    def note(self, partial: Partial) -> None:
        """Write it in the partial's record."""
        partial._attempts = partial._interruptions + self.attempt
        partial._started = self.moment


def is_storage_lost(error: Exception) -> bool:
    """Whether a transient error means that the storage is away; else it is worth another try."""
    return isinstance(error, POSError) and not isinstance(error, ConflictError)


def give_up(error: Exception) -> None:
    """What to do about a lost storage where nobody waits for it: raise."""
    raise error


def call_here(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Make the call in this thread; a coroutine is run to its end."""
    value = call(*args, **kwargs)
    if inspect.iscoroutine(value):
        import asyncio  # not every application that imports zcasync needs it

        return asyncio.run(value)
    return value


def refuse_deferred(partial: Partial, deferred: Any) -> None:
    """What to do with a Deferred where no reactor will fire it: end the job with an error."""
    error = BadStateError(f"{partial!r} returned a Deferred, and no reactor runs here to fire it")
    finish(partial, from_exception(error))


def end_transaction(partial: Partial) -> Callable[[], Partial]:
    """Let go of the view of the database, where the connection belongs to somebody else."""
    Transactions(partial).abort()
    return lambda: partial


class Performer:
    """Performs partials.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  A commit that was in doubt is then looked up in the record, never guessed.
    ``invoke(call, *args, **kwargs)`` makes the call itself, where it has to be made.
    ``hold(partial, deferred)`` is given a Deferred that a job returned, once it is committed that
    the job has begun; ``settle`` is to be called with what the Deferred fires with.
    ``detach(partial)`` lets go of the connection and returns a function that gets a connection
    again and finds the partial in it, for calls that need none while they work.
    ``patience``: a job that conflicts is tried for so many seconds at least, with pauses; several
    processes that change one object in short jobs would soon use up a number of attempts.
    """

    def __init__(
        self,
        storage_lost: Callable[[Exception], None] = give_up,
        invoke: Callable[..., Any] = call_here,
        hold: Callable[[Partial, Any], None] = refuse_deferred,
        detach: Callable[[Partial], Callable[[], Partial]] = end_transaction,
        patience: float = 0.0,
    ) -> None:
        self.wait_for_storage = storage_lost
        self._invoke = invoke
        self._hold = hold
        self._detach = detach
        self._patience = patience

    def call(self, partial: Partial, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Perform a partial that no worker claimed.  What the caller changed is committed first."""
        partial._move_to(ACTIVE)
        Transactions(partial).commit()
        self.perform(partial, args, kwargs)

    def perform(
        self, partial: Partial, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        """Call it, store the result, commit, run the callbacks.

        Raises FencedError when this process may not commit any more, and what the storage raises
        when it cannot even store a failure.
        """
        if partial._detached:
            self._perform_detached(partial, args, kwargs or {})
            return
        transactions = Transactions(partial)
        patient_until = time.monotonic() + self._patience
        for attempt in itertools.count(1):
            start = Start(attempt, clock.now())
            try:
                deferred = self.attempt(partial, args, kwargs or {}, start)
                transactions.commit()
                if deferred is not None:
                    self._hold(partial, deferred)
                    return
                break
            except (FencedError, KeyboardInterrupt, GeneratorExit):
                transactions.abort()
                raise
            except TransientError as error:
                transactions.abort()
                if is_storage_lost(error):
                    self.wait_for_storage(error)
                elif time.monotonic() < patient_until:
                    time.sleep(random.uniform(0, CONFLICT_PAUSE * 2 ** min(attempt, 8)))
                elif attempt >= CONFLICT_ATTEMPTS:
                    self.store(partial, from_exception(error, attempts=attempt), start)
                    break
            except BaseException as error:  # SystemExit too: whatever ends a job becomes its result
                transactions.abort()
                self.store(partial, from_exception(error), start)
                break
            transactions.begin()
            if partial.state not in (PENDING, ACTIVE) or partial._waits_for is not None:
                break  # the commit that was in doubt is there
        self.after(partial)

    def _perform_detached(
        self, partial: Partial, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Commit that it has begun, make the call without a connection, store the result."""
        transactions = Transactions(partial)
        try:
            call = load_form(partial._call)
            given = (*partial._args, *args)
            named = {**(partial._kwargs or {}), **kwargs}
            if partial.state == PENDING:
                partial._move_to(ACTIVE)
            Start(1, clock.now()).note(partial)
            transactions.commit()
        except MissingCallable as error:
            transactions.abort()
            self.finish(partial, from_exception(error))
            return
        attach = self._detach(partial)
        try:
            value = self._invoke(call, *given, **named)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit too: whatever ends a job becomes its result
            value = from_exception(error)
        partial = attach()
        if is_deferred(value) and not (value.called and not value.paused):
            self._hold(partial, value)
        else:
            self.settle(partial, fired(value) if is_deferred(value) else value)

    def finish(self, partial: Partial, result: Any) -> None:
        """Give a partial its (storable) result without calling it; run the callbacks."""
        self.store(partial, result)
        self.after(partial)

    def settle(self, partial: Partial, value: Any) -> None:
        """Give a partial what the Deferred that it returned has fired with; run the callbacks."""
        transactions = Transactions(partial)
        while True:
            transactions.begin()
            if partial.state != ACTIVE:
                break
            try:
                take(partial, value)
                transactions.commit()
                break
            except ConflictError:
                transactions.abort()
            except TransientError as error:
                transactions.abort()
                self.wait_for_storage(error)
            except (UnstorableError, BadStateError) as error:
                transactions.abort()
                self.store(partial, from_exception(error))
                break
        self.after(partial)

    def run_callbacks(self, partial: Partial) -> None:
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
            except TransientError as error:
                transactions.abort()
                self.wait_for_storage(error)

    def _run_callback(self, partial: Partial, callback: Partial) -> None:
        if callback.state in (PENDING, ACTIVE):
            self.perform(callback, (partial.result,))
        else:
            self.after(callback)

    def attempt(
        self, partial: Partial, args: tuple[Any, ...], kwargs: dict[str, Any], start: Start
    ) -> Any:
        """Make the call and take the result; returns a Deferred that has not fired, else None."""
        call = load_form(partial._call)
        named = {**(partial._kwargs or {}), **kwargs}
        with running(partial):
            value = self._invoke(call, *partial._args, *args, **named)
        if isinstance(value, Delegate):
            value = self._delegate(partial, value)
        if partial.state == PENDING:
            partial._move_to(ACTIVE)
        start.note(partial)
        if is_deferred(value):
            if not value.called or value.paused:
                return value
            value = fired(value)
        take(partial, value)
        if partial._parent is not None and is_done(partial):
            complete(partial._parent)
        return None

    def _delegate(self, partial: Partial, delegate: Delegate) -> Partial:
        inner = delegate.partial
        if inner.state == PENDING:
            self.perform(inner, delegate.args)
            Transactions(partial).begin()
        return inner

    def after(self, partial: Partial) -> None:
        """Run what is to be run after it has its result."""
        if not is_done(partial):
            self.run_callbacks(partial)
        waiting = waiter(partial)
        if waiting is not None and not is_done(waiting):
            self.run_callbacks(waiting)

    def store(self, partial: Partial, result: Any, start: Start | None = None) -> None:
        """End it with this result; ``start`` is for a call that was begun."""
        transactions = Transactions(partial)
        while True:
            transactions.begin()
            if partial.state not in (PENDING, ACTIVE):
                return
            if partial.state == PENDING and partial._queue is not None:
                partial._queue.ended()
            if start is not None:
                start.note(partial)
            partial._settle(result)
            if partial._parent is not None and is_done(partial):
                complete(partial._parent)
            try:
                transactions.commit()
                return
            except ConflictError:
                transactions.abort()
            except TransientError as error:
                transactions.abort()
                self.wait_for_storage(error)


_direct = Performer()


def perform(partial: Partial, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> None:
    """Call a partial that is in no queue, in this thread; commits."""
    _direct.call(partial, args, kwargs or {})


def finish(partial: Partial, result: Any) -> None:
    """End a partial with this result, in this thread; commits, first what the caller changed."""
    Transactions(partial).commit()
    _direct.finish(partial, result)


def run_callbacks(partial: Partial) -> None:
    """Run what is left of a partial's callbacks, in this thread; commits, as ``finish``."""
    Transactions(partial).commit()
    _direct.run_callbacks(partial)
