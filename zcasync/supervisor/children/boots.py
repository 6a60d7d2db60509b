"""The turns of boots: so many children boot at once, and one that hangs holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.supervisor.children.child import Child
from zcasync.supervisor.children.state import State
from zcasync.supervisor.children.timers import cancel

#: A boot that has taken so long holds up no other one any more.
PATIENCE_SECONDS = 10.0


class Boots:
    """Knows whether another child may boot: ``most`` at once; ``turn()`` when that may be so again.

    A child that is ready, or gone, makes room too; its pool sees that by itself.
    """

    def __init__(self, reactor: IReactorTime, most: int, turn: Callable[[], None]) -> None:
        self._reactor = reactor
        self._most = most
        self._turn = turn
        self._since: dict[Child, float] = {}
        self._timer: IDelayedCall | None = None

    def began(self, child: Child) -> None:
        """Note that a child boots from now on."""
        self._since[child] = self._reactor.seconds()

    def are_enough(self, children: Collection[Child]) -> bool:
        """Return whether none but these children may boot now."""
        self._since = {
            child: since
            for child, since in self._since.items()
            if child in children and child.state == State.BOOTING
        }
        latest = self._reactor.seconds() - PATIENCE_SECONDS
        counted = [
            since
            for child, since in self._since.items()
            if child.frozen_seconds is None and since > latest
        ]
        if len(counted) < self._most:
            return False
        if self._timer is None or not self._timer.active():
            self._timer = self._reactor.callLater(min(counted) - latest, self._turn)
        return True

    def stop(self) -> None:
        """Call nobody any more.  Safe to repeat."""
        cancel(self._timer)
