"""Starting children: not before the pause after failed ones is over, and tried again then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from zcasync.supervisor.children.backoff import Backoff
from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.timers import cancel

log = Logger()


class Starting:
    """Starts what ``make(slot)`` has made; calls ``again()`` when that may be tried once more.

    ``spec()``: what the next child is told of its databases.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        starter: Any,
        spec: Callable[[], str],
        make: Callable[[int], Child],
        again: Callable[[], None],
    ) -> None:
        self.backoff = Backoff(reactor.seconds)
        self._reactor = reactor
        self._starter = starter
        self._spec = spec
        self._make = make
        self._again = again
        self._retry: IDelayedCall | None = None

    def start(self, slot: int) -> Child | None:
        """Start a child; return None when it is too early for that, or impossible."""
        if self.backoff.wait > 0:
            self._try_later()
            return None
        try:
            return self.start_now(slot)
        except OSError as error:
            self.backoff.failed(not_started(error))
            self._try_later()
            return None

    def start_now(self, slot: int) -> Child:
        """Start a child, whatever has become of those before.  Raises OSError."""
        child = self._make(slot)
        child.start(self._starter, self._spec())
        log.info("child {pid} started ({place})", pid=child.pid, place=child.place)
        return child

    def stop(self) -> None:
        """Try no more.  Safe to repeat."""
        cancel(self._retry)

    def _try_later(self) -> None:
        if self._retry is None or not self._retry.active():
            self._retry = self._reactor.callLater(self.backoff.wait, self._again)


def not_started(error: OSError) -> str:
    """Return in words that the system does not start a process."""
    return f"a child process cannot be started: {error}"
