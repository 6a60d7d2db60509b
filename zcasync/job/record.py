"""The partial: a persistent call with its state, its result and its callbacks.

Record layout.  A partial that waits is one small record; attributes with their default value are
not stored.  Times are microseconds (see :mod:`zcasync.clock`), workers the bytes of their UUID.
Callbacks and annotations live in a :class:`Sidecar`, a record of its own that exists from the first
callback, the first annotation, or the claim on, so that others can write it while the job runs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from persistent import Persistent
from twisted.python.failure import Failure

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.interfaces import (
    ACTIVE,
    CALLBACKS,
    COMPLETED,
    PENDING,
)
from zcasync.job.callables import dotted, load_form, store_form
from zcasync.job.failure import StoredFailure
from zcasync.job.values import LargeValue

#: Every way a state may change; anything else is a BadStateError.
TRANSITIONS = {
    PENDING: {ACTIVE, CALLBACKS, COMPLETED},  # claimed or called; failed before it began
    ACTIVE: {PENDING, CALLBACKS, COMPLETED},  # given back; ended
    CALLBACKS: {COMPLETED},
    COMPLETED: set(),
}


class Sidecar(Persistent):  # type: ignore[misc]
    """The callbacks and the annotations of one partial."""

    callbacks: tuple[PartialRecord, ...] = ()
    annotations: Any = None


class PartialRecord(Persistent):  # type: ignore[misc]
    """The stored fields, states and transitions of a partial; its face: zcasync.partial."""

    _call: Any = None
    _args: tuple[Any, ...] = ()
    _kwargs: dict[str, Any] | None = None
    _state: str = PENDING
    _result: Any = None
    _sidecar: Sidecar | None = None
    _parent: PartialRecord | None = None  # the partial whose callback this is
    _waits_for: PartialRecord | None = None  # the partial whose result becomes this one's
    _queue: Any = None  # stays after the claim: the way to the data manager
    _claim: Any = None  # who claimed it last
    _due: int | None = None  # begin_after
    _by: int | None = None  # begin_by, microseconds from _due
    _batch: bool = False
    _detached: bool = False  # the call is made without a connection
    _selected: tuple[bytes, ...] = ()
    _excluded: tuple[bytes, ...] = ()
    _retry: str | None = None  # the name of the retry policy
    _retry_at: int | None = None  # ended in vain; the engine is to give it back for this moment
    _resume_at: int | None = None  # ended by its application; from then on workers run callbacks
    _once: bool = False  # has begun, and may not begin again
    _attempts: int = 0  # claims that led to a start
    _interruptions: int = 0
    _conflicts: int = 0
    _exceptions: int = 0
    _started: int | None = None
    _ended: int | None = None

    def __init__(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self._call = store_form(call)
        if args:
            self._args = args
        if kwargs:
            self._kwargs = kwargs

    @classmethod
    def bind(cls, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> PartialRecord:
        """A partial that is called with itself as the first argument."""
        partial = cls(call, **kwargs)
        partial._args = (partial, *args)
        return partial

    # what is to be called

    @property
    def callable(self) -> Callable[..., Any]:
        return load_form(self._call)

    @callable.setter
    def callable(self, call: Callable[..., Any]) -> None:
        self._require_pending("callable")
        self._call = store_form(call)

    @property
    def callable_name(self) -> str:
        """The dotted name of the callable; imports nothing."""
        return dotted(self._call)

    # how it goes

    @property
    def state(self) -> str:
        return self._state

    @property
    def result(self) -> Any:
        if self._state in (PENDING, ACTIVE):
            return None
        return self._result.value if isinstance(self._result, LargeValue) else self._result

    @property
    def unhandled_error(self) -> bool:
        if not isinstance(self.result, Failure):
            return False
        callbacks = self.callbacks
        return not callbacks or any(
            callback.state in (PENDING, ACTIVE) or callback.unhandled_error
            for callback in callbacks
        )

    @property
    def callbacks(self) -> tuple[PartialRecord, ...]:
        return () if self._sidecar is None else self._sidecar.callbacks

    # when and where it may run

    @property
    def queue(self) -> Any:
        return self._queue

    @property
    def begin_after(self) -> datetime | None:
        return None if self._due is None else clock.to_datetime(self._due)

    @property
    def begin_by(self) -> timedelta | None:
        return None if self._by is None else self._by * clock.MICROSECOND

    def may_run_on(self, worker: bytes) -> bool:
        """Whether the worker with these UUID bytes may run it."""
        return worker not in self._excluded and (not self._selected or worker in self._selected)

    @property
    def deadline(self) -> int | None:
        """The latest moment to begin, microseconds; None: no limit."""
        return None if self._by is None or self._due is None else self._due + self._by

    # history

    @property
    def attempts(self) -> int:
        """How often it was begun."""
        return self._attempts

    @property
    def started(self) -> datetime | None:
        return None if self._started is None else clock.to_datetime(self._started)

    @property
    def ended(self) -> datetime | None:
        return None if self._ended is None else clock.to_datetime(self._ended)

    @property
    def claim(self) -> Any:
        """The engine's record that claimed it last."""
        return self._claim

    # callbacks

    # running

    def __repr__(self) -> str:
        where = "" if self._p_oid is None else f" {int.from_bytes(self._p_oid):#x}"
        return f"<zcasync.partial.Partial{where} {self.callable_name} {self._state}>"

    # for the rest of the package

    def _move_to(self, state: str) -> None:
        if state not in TRANSITIONS[self._state]:
            raise BadStateError(f"a partial that is {self._state} cannot become {state}")
        self._state = state

    def _settle(self, result: Any) -> None:
        """Take the result (already storable) and end, or go on to the callbacks."""
        if result is not None:
            self._result = result
        if self._waits_for is not None:
            del self._waits_for
        self._ended = clock.now()
        self._move_to(CALLBACKS if self.callbacks else COMPLETED)

    def _wait_for(self, other: PartialRecord) -> None:
        self._waits_for = other

    def _claimed_by(self, incarnation: Any) -> None:
        if self._resume_at is not None:  # it is over, but for its callbacks
            del self._resume_at
            self._claim = incarnation
            return
        self._move_to(ACTIVE)
        self._claim = incarnation
        if not self._batch:  # those are so short that hardly anybody adds a callback meanwhile
            self._need_sidecar()

    def _given_back(self) -> None:
        """Wait again; the caller files it in the queue."""
        self._move_to(PENDING)
        self._started = None
        if self._retry_at is not None:
            # In its old place when that time has passed already.
            self._due = self._retry_at if self._retry_at > clock.now() else self._due
            self._retry_at = None

    def _adopted_by(self, parent: PartialRecord) -> None:
        if self._state != PENDING or self._queue is not None or self._parent is not None:
            raise ValueError(f"callback {self!r} is used already: make a new PartialRecord")
        self._parent = parent

    def _need_sidecar(self) -> Sidecar:
        if self._sidecar is None:
            self._sidecar = Sidecar()
        return self._sidecar

    def _hand_result_to(self, waiting: PartialRecord) -> None:
        """Let ``waiting`` have this one's result."""
        raise NotImplementedError

    def _require_pending(self, what: str) -> None:
        if self._state != PENDING:
            raise BadStateError(f"{what} can change while a partial is pending, not {self._state}")


def is_failure(result: Any) -> bool:
    """Whether a result stands for an error."""
    return isinstance(result, StoredFailure | Failure)
