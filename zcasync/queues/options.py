"""The options of a put: what they are, at which levels they are given, and which go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from types import FunctionType, MappingProxyType
from typing import Any, TypedDict

from zcasync import clock
from zcasync.job.declared import declared_options
from zcasync.job.packed import SIMPLE
from zcasync.job.remembered import Remembered, remembered
from zcasync.job.secret import Secret, secret_of
from zcasync.queues.controls import CONTROLS, stored_controls
from zcasync.queues.unique import Unique, unique_of
from zcasync.retry.policy import stored_name

#: What is remembered of nobody.
NOTHING = Remembered()
NO_CONTROLS: Mapping[str, Any] = MappingProxyType({})
#: Pairs of options of which one call can have one only, and why.
EXCLUDE_EACH_OTHER = (
    ("isolate", "batch", "exclude each other: a batch shares a process"),
    ("delay", "begin_after", "both say when: give one of them"),
)


#: The options that only mean something with ``unique``.
OF_THE_KEY = ("unique_states", "unique_for", "if_exists", "merge")


class Options(TypedDict, total=False):
    """The options of ``IPartialQueue.put`` beside its arguments, for type checkers."""

    delay: float | timedelta | None
    batch: bool | None
    detached: bool
    isolate: bool
    priority: int | None
    retry: Any
    secret: bool | str | Iterable[str | int] | None
    remember: bool
    run_as: str | None
    unique: str | bool | Callable[..., str] | None
    unique_states: str | Iterable[str] | None
    unique_for: float | timedelta | None
    if_exists: str | None
    merge: Any
    quota: str | Iterable[str] | None
    after: Iterable[Any] | None
    on_failure: str | None
    soft_limit: float | timedelta | None
    hard_limit: float | timedelta | None


class AllOptions(Options, total=False):
    """All options of ``IPartialQueue.put``."""

    begin_after: datetime | timedelta | None
    begin_by: timedelta | None


@dataclass(frozen=True)
class PutOptions:
    """The options of one call: how it is to be run.

    ``put``, ``due``: see :mod:`zcasync.job.due_fields`; ``by``: microseconds from then on, None: no
    limit; ``batch`` None: as the queue says; ``policy``: the stored name of the retry policy;
    ``secret``: the arguments that nobody is shown; ``isolate``: in a process of its own;
    ``remembered``: of the caller; ``controls``: see :mod:`zcasync.queues.controls`; ``unique``:
    what is said of its key.
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
    controls: Mapping[str, Any] = field(default_factory=lambda: NO_CONTROLS)
    unique: Unique | None = None

    @classmethod
    def of(
        cls,
        begin_after: datetime | timedelta | None = None,
        begin_by: timedelta | None = None,
        *,
        delay: float | timedelta | None = None,
        batch: bool | None = None,
        detached: bool = False,
        isolate: bool = False,
        retry: Any = None,
        secret: Any = False,
        remember: bool = True,
        run_as: str | None = None,
        unique: Any = None,
        unique_states: Any = None,
        unique_for: Any = None,
        if_exists: Any = None,
        merge: Any = None,
        **controls: Any,
    ) -> PutOptions:
        """Return the options.  Raises TypeError and ValueError, naming the one that is wrong."""
        for name in controls:
            if name not in CONTROLS:
                _refuse(name)
        put, due = _times(begin_after, delay)
        if if_exists == "debounce" and due is None:
            raise ValueError("if_exists='debounce' needs delay: to when the call is put off")
        return cls(
            put,
            due,
            _microseconds(begin_by),
            batch,
            detached,
            stored_name(retry),
            secret_of(secret),
            bool(isolate),
            remembered(remember, run_as),
            stored_controls(controls) if controls else NO_CONTROLS,
            unique_of(unique, unique_states, if_exists, merge, unique_for),
        )

    def for_queue(self, name: str) -> PutOptions:
        """Return the same, for a put in the queue of this name.  Raises ValueError."""
        if self.isolate and name == "reactor":
            raise ValueError(
                "isolate=True in the reactor queue: a reactor call runs in the supervisor, and has "
                "no process of its own; put it in the thread queue"
            )
        return self


class PutRequest:
    """The options of one put, for each of its calls: what the put does not say, the call's
    declaration says, and what that does not, the queue.

    ``defaults``: the queue's; ``require_quotas``: raises ValueError for a quota that is not there,
    None: that is not asked.  Raises as ``PutOptions.of``, and that.
    """

    def __init__(
        self,
        queue: str,
        defaults: Mapping[str, Any] | None,
        given: Mapping[str, Any],
        require_quotas: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        self._queue = queue
        self._defaults = defaults or {}
        self._given = given
        self._require_quotas = require_quotas
        self._of_callables: dict[FunctionType, PutOptions] = {}
        self._options: PutOptions | None = None

    @property
    def options(self) -> PutOptions:
        """The options of calls whose callable declares none."""
        # No cached_property: that has one lock for all requests in some Pythons, and this may load.
        if self._options is None:
            self._options = self._merged({})
        return self._options

    def for_callable(self, function: Any) -> PutOptions:
        """Return the options of a call of this function; None: of one that is not known here."""
        declared = None if function is None else declared_options(function)
        if not declared:
            return self.options
        if function not in self._of_callables:
            self._of_callables[function] = self._merged(given_options(None, None, declared))
        return self._of_callables[function]

    def _merged(self, declared: Mapping[str, Any]) -> PutOptions:
        merged: dict[str, Any] = {}
        for level in (self._defaults, declared, self._given):
            if level.get("unique") is False:  # what was said before of a key is void as well
                merged = {name: one for name, one in merged.items() if name not in OF_THE_KEY}
            merged.update(level)
        given = self._given
        if given.get("begin_after") is not None and given.get("delay") is None:
            merged.pop("delay", None)  # the put says when
        _require_together(merged)
        options = PutOptions.of(**merged).for_queue(self._queue)
        if self._require_quotas is not None and "quota" in options.controls:
            self._require_quotas(options.controls["quota"])
        return options


def kept_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a queue keeps them.  Raises ValueError for what has no plain form."""
    kept = {name: value for name, value in options.items() if value is not None}
    if "retry" in kept:
        kept["retry"] = stored_name(kept["retry"])
    for name, value in kept.items():
        parts = value if isinstance(value, tuple | list) else (value,)
        if not all(type(part) in SIMPLE or isinstance(part, timedelta) for part in parts):
            raise ValueError(f"{name} as a default of a queue must be plain, not {value!r}")
    return kept


def given_options(
    begin_after: Any, begin_by: timedelta | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the options that a put was given, those with None left out."""
    known = AllOptions.__annotations__
    found = {
        name: given for name, given in options.items() if given is not None or name not in known
    }
    if begin_after is not None:
        found["begin_after"] = begin_after
    if begin_by is not None:
        found["begin_by"] = begin_by
    return found


def _require_together(options: Mapping[str, Any]) -> None:
    """Raise ValueError, naming both, for options that exclude each other."""
    for one, other, why in EXCLUDE_EACH_OTHER:
        if _is_given(options.get(one)) and _is_given(options.get(other)):
            raise ValueError(f"{one} and {other} {why}")


def _is_given(value: Any) -> bool:
    return value is not None and value is not False


def _times(begin_after: Any, delay: Any) -> tuple[int | None, int | None]:
    """Return the moments of the put and of the beginning, as a partial stores them."""
    now = clock.now()
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
    """Raise TypeError for an option that there is not, or only in a put itself."""
    if name in ("after", "on_failure"):
        raise TypeError(f"{name} is said by a put itself, not by a callable or a queue")
    known = [*AllOptions.__annotations__]
    nearest = get_close_matches(name, known, 1)
    meant = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}."
    raise TypeError(
        f"put has no option {name!r}: {meant}  An argument of the call goes into a partial: "
        f"Partial(call, {name}=...)"
    )
