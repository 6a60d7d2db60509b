"""The grace period of a stop: the time that running jobs have to end."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.supervisor.children.timers import cancel


class GracePeriod:
    """Calls ``over(reason)`` when it is over, once; it can be made shorter, never longer."""

    def __init__(self, reactor: IReactorTime, over: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._over = over
        self._timer: IDelayedCall | None = None

    def begin(self, seconds: float) -> None:
        """Begin; it is over after so many seconds."""
        self._set(seconds, f"grace period of {seconds:g} s is over")

    def hurry(self, seconds: float) -> None:
        """Let it be over after so many seconds from now on, if that is earlier."""
        timer, now = self._timer, self._reactor.seconds()
        if timer is not None and timer.active() and timer.getTime() > now + seconds:
            timer.cancel()
            self._set(seconds, f"the grace period was shortened to {seconds:g} s")

    def _set(self, seconds: float, reason: str) -> None:
        self._timer = self._reactor.callLater(seconds, self._over, reason)

    def end(self) -> None:
        """Call nothing any more.  Safe to repeat."""
        cancel(self._timer)
