"""The loop of poll passes: one pass at a time, as early as any caller asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()

#: Until the next pass after one that has failed in a way that the code does not foresee.
AFTER_FAULT_SECONDS = 1.0


class PassLoop:
    """Calls ``make_pass()``, whose Deferred fires with the delay until the next one, seconds.

    It should not fail, but a fault in it must not be the end of all passes.  Nothing happens before
    ``start`` and after ``stop``.
    """

    def __init__(self, reactor: IReactorTime, make_pass: Callable[[], Deferred[float]]) -> None:
        self._reactor = reactor
        self._make_pass = make_pass
        self._timer: IDelayedCall | None = None
        self._running = False
        self._passing: Deferred[Any] | None = None
        self._again: float | None = None

    def start(self) -> None:
        """Make the first pass soon."""
        self._running = True
        self.wake()

    def stop(self) -> None:
        """Make no more passes; one that is under way goes on."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def wake(self, delay: float = 0.0) -> None:
        """Make a pass within ``delay`` seconds; while one is under way: so long after its end."""
        if not self._running:
            return
        if self._passing is not None:
            self._again = delay if self._again is None else min(delay, self._again)
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= self._reactor.seconds() + delay:
                return
            self._timer.cancel()
        self._timer = self._reactor.callLater(delay, self._pass)

    def _pass(self) -> None:
        self._again = None
        self._passing = maybeDeferred(self._make_pass)
        self._passing.addErrback(self._failed).addCallback(self._ended)

    def _failed(self, failure: Failure) -> float:
        log.failure("a poll pass has failed; please report this", failure)
        return AFTER_FAULT_SECONDS

    def _ended(self, delay: float) -> None:
        self._passing = None
        self.wake(delay if self._again is None else min(delay, self._again))
