"""The clock of an attempt at a call that has time limits, and the Deferreds of such calls.

The clock starts when the call begins.  A call that asks for another partial first, or waits for
one, is over; when it is made anew, so is its clock.  Processes that perform calls enforce the
limits: see ``Host.limited`` and ``Host.bound``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from zcasync import clock
from zcasync.errors import HardTimeLimit, SoftTimeLimit
from zcasync.job.time_limits import TimeLimits


class CallClock:
    """The clock of one attempt at a call; ``seconds()`` is monotonic."""

    def __init__(self, limits: TimeLimits, seconds: Callable[[], float]) -> None:
        self.limits = limits
        self.began_at = clock.now()
        self.has_told = False  # the call that it should end
        self._seconds = seconds
        self._began = seconds()

    @property
    def elapsed(self) -> float:
        """The seconds since the call began."""
        return self._seconds() - self._began

    @property
    def first(self) -> float | None:
        """The limit that passes first, seconds from the beginning on."""
        given = [one for one in (self.limits.soft, self.limits.hard) if one is not None]
        return min(given, default=None)

    @property
    def is_cancelled(self) -> bool:
        """True once the call should end: it was told so, or its first limit has passed."""
        return self.has_told or (self.first is not None and self.elapsed >= self.first)

    @property
    def is_overrun(self) -> bool:
        """True once the hard limit has passed."""
        return self.limits.hard is not None and self.elapsed >= self.limits.hard

    @property
    def deadline(self) -> int | None:
        """The moment at which the first limit passes, microseconds; None: there is none."""
        return None if self.first is None else self.began_at + int(self.first * 1e6)

    def left(self, limit: float) -> float:
        """Return the seconds until this limit; 0: it has passed."""
        return max(0.0, limit - self.elapsed)

    def soft_error(self) -> SoftTimeLimit:
        """Return the exception for a call whose soft limit has passed."""
        return SoftTimeLimit(
            f"the call has run for longer than its soft_limit of {self.limits.soft:g} s",
            when=clock.to_datetime(clock.now()),
        )

    def hard_error(self) -> HardTimeLimit:
        """Return the exception for a call that has waited past its hard limit."""
        return HardTimeLimit(
            f"the call ran for longer than its hard_limit of {self.limits.hard:g} s: it waited for "
            f"a Deferred ({self.limits.text}, ended {self.elapsed:.1f} s after it began)",
            when=clock.to_datetime(clock.now()),
        )


#: Watches an attempt with its commit, in the process that performs it.
Watch = Callable[[CallClock], AbstractContextManager[None]]
#: Returns a Deferred that keeps to the limits of the call that has returned one.
Bound = Callable[[Any, CallClock], Any]

_running: ContextVar[CallClock | None] = ContextVar("zcasync.time_limit", default=None)


def running_clock() -> CallClock | None:
    """Return the clock of the call that is made here; None: it has no limits."""
    return _running.get()


def timed(
    limits: TimeLimits, watch: Watch, seconds: Callable[[], float]
) -> AbstractContextManager[CallClock | None]:
    """Return the context of an attempt with its commit; its clock is the running one there."""
    return _timed(CallClock(limits, seconds), watch) if limits else nullcontext()


@contextmanager
def _timed(ticking: CallClock, watch: Watch) -> Iterator[CallClock]:
    token = _running.set(ticking)
    try:
        with watch(ticking):
            yield ticking
    finally:
        _running.reset(token)


def unwatched(ticking: CallClock) -> AbstractContextManager[None]:
    """Return a context without a watch: the ``limited`` of a process that cannot end a call."""
    return nullcontext()


def unbound(deferred: Any, ticking: CallClock) -> Any:
    """Return the Deferred: the ``bound`` of a process without a reactor."""
    return deferred


class BoundDeferred:
    """A Deferred, ``result``, that fires as another one does, or at its hard limit.

    At the soft limit the other one is cancelled, and what that makes of it counts, except that a
    CancelledError is a SoftTimeLimit.  At the hard limit ``result`` fails with a HardTimeLimit,
    whatever comes later.  ``begin`` is to be called in the reactor's thread.
    """

    def __init__(self, reactor: Any, deferred: Any, ticking: CallClock) -> None:
        self.result: Deferred[Any] = Deferred(self._cancel)
        self._reactor = reactor
        self._deferred = deferred
        self._clock = ticking
        self._timers: list[IDelayedCall] = []
        self._is_over = False
        self._has_begun = False
        self._was_told = False  # by the soft limit

    def begin(self) -> None:
        """Let the clock run on."""
        self._has_begun = True
        limits = self._clock.limits
        for limit, passed in ((limits.soft, self._soft), (limits.hard, self._hard)):
            if limit is not None and not self._is_over:
                self._timers.append(self._reactor.callLater(self._clock.left(limit), passed))
        self._deferred.addBoth(self._fired)
        if self._is_over:
            self._deferred.cancel()

    def _cancel(self, result: Any) -> None:
        """``result`` is not wanted any more."""
        self._clock.has_told = True
        if self._has_begun:
            self._deferred.cancel()
        else:
            self._is_over = True

    def _soft(self) -> None:
        self._was_told = self._clock.has_told = True
        self._deferred.cancel()

    def _hard(self) -> None:
        self._clock.has_told = True
        self._end(Failure(self._clock.hard_error()))
        self._deferred.cancel()

    def _fired(self, value: Any) -> None:
        if self._was_told and isinstance(value, Failure) and value.check(CancelledError):
            error = self._clock.soft_error()
            error.__cause__ = value.value
            value = Failure(error)
        self._end(value)

    def _end(self, value: Any) -> None:
        if self._is_over:
            return
        self._is_over = True
        for timer in self._timers:
            if timer.active():
                timer.cancel()
        if not self.result.called:
            self.result.callback(value)


def bound_in(reactor: Any) -> Bound:
    """Return a ``bound`` that keeps Deferreds of this reactor to their limits, from any thread."""

    def bound(deferred: Any, ticking: CallClock) -> Any:
        made = BoundDeferred(reactor, deferred, ticking)
        reactor.callFromThread(made.begin)
        return made.result

    return bound
