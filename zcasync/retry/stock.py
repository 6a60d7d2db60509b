"""The stock retry policies: when a call is tried again, and when it is not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pickle import PicklingError
from typing import Any

from transaction.interfaces import TransientError
from twisted.logger import Logger
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError, InvalidObjectReference
from zope.component import adapter
from zope.interface import implementer

from zcasync.database.errors import is_lost_by_storage
from zcasync.errors import UnstorableError
from zcasync.interfaces import IPartial, IRetryPolicy

#: A call that conflicts with others is begun at most this often ...
CONFLICT_ATTEMPTS = 5
#: ... unless a worker runs it and it conflicts at its commit: then others have made progress, so it
#: goes on for so many seconds.  Two children that change one object in short jobs meet in half of
#: their commits, and with five attempts a few of a hundred such jobs would fail for nothing.
COMMIT_PATIENCE = 10.0
#: The tenth interruption ends a call, and the tenth commit of a callback that something else fails.
INTERRUPTION_LIMIT = 10
#: The longest pause between two attempts to commit of ``forever``, seconds.
LONGEST_COMMIT_PAUSE = 60
#: ``forever`` logs the first failed commit and each one whose number can be divided by this.
LOG_EVERY = 5
#: Errors that mean that a change cannot be stored at all, so that no later commit would succeed.
UNSTORABLE = (
    PicklingError,
    TypeError,
    AttributeError,
    UnstorableError,
    InvalidObjectReference,
)

#: The values in a name of RetryExceptions.
VALUES = ("limit", "delay", "factor", "jitter", "longest")

Answer = bool | timedelta | datetime

log = Logger()


@dataclass(frozen=True)
class Counts:
    """The failed attempts of a call so far, by what went wrong; the last one included.

    ``began``: when the first attempt began, microseconds, where the policy has a limit ``within``;
    ``is_crash``: the process that was interrupted last has died by itself, not with its engine.
    """

    conflicts: int = 0
    interruptions: int = 0
    exceptions: int = 0
    seconds: float = 0.0  # that the attempts of this run took; of each one second at most
    began: int | None = None
    is_crash: bool = True


@adapter(IPartial)
@implementer(IRetryPolicy)
class RetryCommonFourTimes:
    """``default``: five attempts where others interfere, ten where processes die."""

    at_most_once = False

    def __init__(self, partial: Any) -> None:
        self._partial = partial

    def jobError(self, failure: Failure, counts: Counts) -> Answer:
        if is_lost_by_storage(failure.value):
            return True
        return bool(failure.check(TransientError)) and counts.conflicts < CONFLICT_ATTEMPTS

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        at_work = getattr(self._partial, "claim", None) is not None
        if at_work and failure.check(ConflictError) and counts.seconds < COMMIT_PATIENCE:
            return True
        return is_lost_by_storage(failure.value) or self.jobError(failure, counts)

    def interrupted(self, counts: Counts) -> Answer:
        return counts.interruptions < INTERRUPTION_LIMIT


@adapter(IPartial)
@implementer(IRetryPolicy)
class RetryCommonForever:
    """``forever``: gives up only for what the call itself raises, or cannot ever be stored."""

    at_most_once = False

    def __init__(self, partial: Any) -> None:
        self._partial = partial

    def jobError(self, failure: Failure, counts: Counts) -> Answer:
        lost = is_lost_by_storage(failure.value)
        return lost or bool(failure.check(TransientError))

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        if failure.check(TransientError) or is_lost_by_storage(failure.value):
            return True
        if isinstance(failure.value, UNSTORABLE):
            return False
        number = counts.exceptions
        if number == 1 or number % LOG_EVERY == 0:
            log.critical(
                "{partial} cannot be committed and will be tried again (failure {number}): "
                "{kind}: {message}",
                partial=repr(self._partial),
                number=number,
                kind=type(failure.value).__name__,
                message=failure.getErrorMessage(),
            )
        return timedelta(seconds=min(LONGEST_COMMIT_PAUSE, number - 1))

    def interrupted(self, counts: Counts) -> Answer:
        return True


class RetryCallback(RetryCommonForever):
    """``callback``: as ``forever``, but ten times only where it kills its processes.

    Also where something in its transaction, other than storages, refuses its commit: meanwhile its
    process does nothing else.
    """

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        again = super().commitError(failure, counts)
        is_its_own = not failure.check(TransientError) and not is_lost_by_storage(failure.value)
        return again if not is_its_own or counts.exceptions < INTERRUPTION_LIMIT else False

    def interrupted(self, counts: Counts) -> Answer:
        return counts.interruptions < INTERRUPTION_LIMIT


@adapter(IPartial)
@implementer(IRetryPolicy)
class NeverRetry:
    """``never``: begun once at most, whatever dies; for calls that act outside of the database."""

    at_most_once = True

    def __init__(self, partial: Any) -> None:
        self._partial = partial

    def jobError(self, failure: Failure, counts: Counts) -> Answer:
        return False

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        return False

    def interrupted(self, counts: Counts) -> Answer:
        return False


class _RetryExceptions(RetryCommonFourTimes):
    """``default``, and ordinary exceptions too, later each time.

    ``reason``: why it has answered so last.
    """

    def __init__(self, partial: Any, delays: RetryExceptions) -> None:
        super().__init__(partial)
        self._delays = delays
        self.reason = ""

    def jobError(self, failure: Failure, counts: Counts) -> Answer:
        self.reason = ""
        if failure.check(TransientError) or not failure.check(Exception):
            return super().jobError(failure, counts)
        return self.asked(counts, None)

    def asked(self, counts: Counts, pause: timedelta | None) -> Answer:
        """Answer where the job itself asks to be tried again; ``pause`` None: as by exceptions."""
        number = max(1, counts.exceptions)
        self.reason = f"{number} of {self._delays.limit}"
        if number >= self._delays.limit:
            return False
        return self._delays.after(number) if pause is None else pause

    def commitError(self, failure: Failure, counts: Counts) -> Answer:
        if failure.check(TransientError) or is_lost_by_storage(failure.value):
            return super().commitError(failure, counts)
        return not isinstance(failure.value, UNSTORABLE) and self.jobError(failure, counts)


class RetryExceptions:
    """A factory of policies that repeat a call which has raised; ``exceptions`` is one.

    ``limit``: the number of attempts in all.  The first pause takes ``delay`` seconds, each further
    one ``factor`` times as long, at most ``longest`` seconds; a share of up to ``jitter`` is added
    at random by ``uniform(low, high)``, so that calls which failed together are not repeated
    together.  Conflicts and interruptions are treated as by ``default``.

    Give one to ``put`` as it is, ``retry=RetryExceptions(limit=3, delay=2)``: its values are kept
    in its name.  One with a ``uniform`` of its own belongs into a module that workers can import,
    and is named as ``retry="package.module:NAME"``.  Raises ValueError for values that make no
    sense.
    """

    def __init__(
        self,
        limit: int = 8,
        delay: float = 15.0,
        factor: float = 2.0,
        jitter: float = 0.1,
        longest: float = 24 * 3600.0,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        if limit < 1 or delay < 0 or factor < 1 or jitter < 0 or longest < delay:
            raise ValueError(
                "limit and factor must be at least 1, delay and jitter at least 0, longest at "
                f"least delay: {limit}, {factor:g}, {delay:g}, {jitter:g}, {longest:g}"
            )
        self.limit, self._delay, self._factor = limit, delay, factor
        self._jitter, self._longest, self._uniform = jitter, longest, uniform

    @property
    def name(self) -> str:
        """The name by which every process makes the same, such as ``exceptions(limit=3)``.

        Raises ValueError where there is none.
        """
        if self._uniform is not random.uniform or type(self) is not RetryExceptions:
            raise ValueError("retry cannot be kept by its values: name it as package.module:NAME")
        usual = retry_exceptions.values()
        given = {name: value for name, value in self.values().items() if value != usual[name]}
        return f"exceptions({', '.join(f'{name}={value!r}' for name, value in given.items())})"

    def values(self) -> dict[str, float]:
        """Return the values by the names of the arguments."""
        numbers = (self.limit, self._delay, self._factor, self._jitter, self._longest)
        return dict(zip(VALUES, numbers, strict=True))

    def __call__(self, partial: Any) -> _RetryExceptions:
        """Return the policy for a partial."""
        return _RetryExceptions(partial, self)

    def after(self, failures: int) -> timedelta:
        """Return the pause after this many failures."""
        pause = self._delay
        for _ in range(failures - 1):
            pause = min(self._longest, pause * self._factor)
        return timedelta(seconds=pause * (1 + self._uniform(0, self._jitter)))


retry_exceptions = RetryExceptions()


@lru_cache(maxsize=100)
def by_values(name: str) -> RetryExceptions | None:
    """Return the policies with a name that has their values; None for any other name."""
    found = re.fullmatch(r"exceptions\((.*)\)", name)
    if found is None:
        return None
    try:
        pairs = dict(pair.split("=") for pair in found[1].split(", ") if pair)
        values = {key: (int if key == "limit" else float)(text) for key, text in pairs.items()}
        return RetryExceptions(**values) if values.keys() <= set(VALUES) else None  # type: ignore[arg-type]
    except ValueError:
        return None


#: The policies that every process knows.
STOCK: dict[str, Callable[[Any], Any]] = {
    "default": RetryCommonFourTimes,
    "forever": RetryCommonForever,
    "never": NeverRetry,
    "callback": RetryCallback,
    "exceptions": retry_exceptions,
}
