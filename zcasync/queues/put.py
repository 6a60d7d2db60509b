"""Put: the options of a put, made once, and the checks of what is put, before anything changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from types import FunctionType
from typing import Any, TypedDict

from twisted.python.reflect import qual
from zope.component import getGlobalSiteManager

from zcasync import clock
from zcasync.errors import BadCallable
from zcasync.interfaces import PENDING, IDataManagerPartial
from zcasync.job.callables import is_imported, require_allowed
from zcasync.job.placement import (
    Checked,
    bare_copy,
    is_bare,
    keep,
    require_placed,
    require_plain,
)
from zcasync.job.remembered import Remembered, remembered
from zcasync.job.secret import Secret, require_arguments, secret_of
from zcasync.job.signature import require_signature
from zcasync.partial import Partial, as_partial
from zcasync.retry.policy import require_policy, stored_name

#: What is remembered of nobody.
NOTHING = Remembered()


class Options(TypedDict, total=False):
    """The options of ``IPartialQueue.put`` beside its arguments, for type checkers."""

    delay: float | timedelta | None
    batch: bool | None
    detached: bool
    isolate: bool
    retry: Any
    secret: bool | str | Iterable[str | int] | None
    remember: bool
    run_as: str | None


class AllOptions(Options, total=False):
    """All options of ``IPartialQueue.put``."""

    begin_after: datetime | timedelta | None
    begin_by: timedelta | None


@dataclass(frozen=True)
class PutOptions:
    """The options of one put: how its items are to be run.

    ``put``, ``due``: see :mod:`zcasync.job.due_fields`; ``by``: microseconds from then on, None: no
    limit; ``batch`` None: as the queue says; ``policy``: the stored name of the retry policy;
    ``secret``: the arguments that nobody is shown; ``isolate``: in a process of its own;
    ``remembered``: of the caller.
    """

    put: int | None
    due: int | None = None
    by: int | None = None
    batch: bool | None = None
    detached: bool = False
    policy: str | None = None
    secret: Secret = False
    isolate: bool = False
    remembered: Remembered = NOTHING

    @classmethod
    def of(
        cls,
        begin_after: datetime | timedelta | None,
        begin_by: timedelta | None,
        *,
        delay: float | timedelta | None = None,
        batch: bool | None = None,
        detached: bool = False,
        isolate: bool = False,
        retry: Any = None,
        secret: Any = False,
        remember: bool = True,
        run_as: str | None = None,
        **unknown: Any,
    ) -> PutOptions:
        """Return the options.  Raises TypeError and ValueError, naming the one that is wrong."""
        if unknown:
            _refuse(next(iter(unknown)))
        if batch and isolate:
            raise ValueError("isolate and batch exclude each other: a batch shares a process")
        put, due = _times(begin_after, delay)
        policy, hidden = stored_name(retry), secret_of(secret)
        by = _microseconds(begin_by)
        caller = remembered(remember, run_as)
        return cls(put, due, by, batch, detached, policy, hidden, bool(isolate), caller)

    def for_queue(self, name: str) -> PutOptions:
        """Return the same, for a put in the queue of this name.  Raises ValueError."""
        if self.isolate and name == "reactor":
            raise ValueError(
                "isolate=True in the reactor queue: a reactor call runs in the supervisor, and has "
                "no process of its own; put it in the thread queue"
            )
        return self


class Check:
    """The check of one put's items: makes partials of them, refuses what cannot be put.

    Changes nothing.  ``jar``: the queue's connection; None for a queue that is not stored.
    """

    def __init__(self, options: PutOptions, jar: Any) -> None:
        self._options = options
        self._jar = jar
        self._known: dict[FunctionType, Partial] = {}  # functions that were checked
        self._found: dict[str, Any] = {}  # callables by their names
        self._checked: Checked = []
        self._contexts: dict[int, Any] = {}  # of items, where each has its own
        if is_imported(options.policy):
            require_allowed(jar, options.policy)

    def __call__(self, item: Any) -> Partial:
        """Return the item as a partial that can be put.

        Raises ValueError, BadCallable, NotAllowed, MisplacedError.  A function that occurs many
        times is checked the first time only.
        """
        if type(item) is not FunctionType:
            return self._check(item)
        first = self._known.get(item)
        if first is not None:
            return bare_copy(first)
        partial = self._check(item)
        if type(partial) is Partial and is_bare(partial):
            self._known[item] = partial
        return partial

    def context_of(self, partial: Any) -> dict[str, Any] | None:
        """Return what is remembered with an item that was checked."""
        return self._contexts.get(id(partial), self._options.remembered.context)

    def keep(self) -> None:
        """Keep all calls that were checked as they are now, whatever happens to their arguments."""
        keep(self._checked)

    def _check(self, item: Any) -> Partial:
        partial: Any = item if isinstance(item, Partial) else _adapted(item)
        if partial is None:
            partial = as_partial(item)
        if not type(partial).__module__.startswith("zcasync."):
            raise BadCallable(
                f"{partial!r} is of class {qual(type(partial))}: a supervisor loads no class of "
                "an application, so it must be a Partial itself; keep what is yours in its "
                "annotations, or in an object that is an argument"
            )
        if partial.queue is not None or partial.parent is not None:
            raise ValueError(f"item {partial!r} was put already: make a new Partial")
        if partial.state != PENDING:
            raise ValueError(f"item {partial!r} has been called already: make a new Partial")
        if self._options.detached:
            require_plain(partial)
        if self._options.remembered.of_calls:
            self._contexts[id(partial)] = self._options.remembered.of(partial)
        require_signature(partial, self._found)
        require_arguments(partial, self._options.secret)
        require_policy(partial, self._options.policy)
        if self._jar is not None:
            self._checked += require_placed(partial, self._jar)
        return partial  # type: ignore[no-any-return]


def _adapted(item: Any) -> Any:
    """Return the partial that the application's adapter, or ours, makes of an item; or None.

    Not by the current site, which may be any, and away: what is put means the same everywhere.
    """
    if IDataManagerPartial.providedBy(item):
        return item
    return getGlobalSiteManager().queryAdapter(item, IDataManagerPartial)


def _times(begin_after: Any, delay: Any) -> tuple[int | None, int | None]:
    """Return the moments of the put and of the beginning, as a partial stores them."""
    now = clock.now()
    if begin_after is not None and delay is not None:
        raise ValueError("delay and begin_after both say when: give one of them")
    if isinstance(begin_after, timedelta):
        begin_after, delay = None, begin_after
    if begin_after is not None:
        due = clock.from_datetime(begin_after, "begin_after")
        return (None, due) if due > now else (now, due)
    microseconds = 0 if delay is None else _delay(delay)
    return now, now + microseconds if microseconds else None


def _microseconds(begin_by: timedelta | None) -> int | None:
    if begin_by is None:
        return None
    if not isinstance(begin_by, timedelta):
        raise TypeError(f"begin_by must be a datetime.timedelta, not {type(begin_by).__name__}")
    if begin_by < timedelta(0):
        raise ValueError(f"begin_by must not be negative: {begin_by}")
    return begin_by // clock.MICROSECOND


def _delay(delay: Any) -> int:
    """Return the microseconds.  Raises TypeError, ValueError."""
    if isinstance(delay, bool) or not isinstance(delay, int | float | timedelta):
        raise TypeError(f"delay must be seconds or a timedelta, not {type(delay).__name__}")
    try:
        span = delay if isinstance(delay, timedelta) else timedelta(seconds=delay)
        microseconds = span // clock.MICROSECOND
        clock.to_datetime(clock.now() + microseconds)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"delay is no time that a job could wait: {delay}") from error
    if microseconds < 0:
        raise ValueError(f"delay must not be negative: {delay}")
    return microseconds


def _refuse(name: str) -> None:
    """Raise TypeError for an option that there is not."""
    known = list(AllOptions.__annotations__)
    nearest = get_close_matches(name, known, 1)
    meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}."
    raise TypeError(
        f"put has no option {name!r}: {meant}  An argument of the call goes into a partial: "
        f"Partial(call, {name}=...)"
    )
