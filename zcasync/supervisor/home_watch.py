"""The supervisor's eye on its home: one that was moved, or removed, is not served any more.

All that it opens, and what it starts opens, is named by the home's path.  Where that path leads
nowhere the next child would find no configuration and the next database server no database, and
one that leads elsewhere belongs to others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall

from zcasync.instance.home import Home
from zcasync.instance.lock import AlreadyServed, HomeLock, HomeMoved

#: A second look, after the first that has missed the home, comes within a second.
LOOK_SECONDS = 0.4


class HomeWatch:
    """Calls ``lost(error)`` once, where two looks have not found the locked home at its path.

    Not where the database that we serve is gone, or another one is there: its server sees that
    itself.  A file of the lock that was removed is locked anew.
    """

    def __init__(
        self,
        reactor: Any,
        home: Home,
        lock: HomeLock,
        lost: Callable[[BaseException], None],
        *,
        is_embedded: bool,
    ) -> None:
        self._home = home
        self._lock = lock
        self._lost = lost
        self._is_embedded = is_embedded
        self._missed = False
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look from now on; the lock is held."""
        self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more.  Safe to repeat."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        try:
            place = self._lock.place
            if place == self._home.path:
                self._lock.renew()
        except AlreadyServed as error:
            self._end(error)
            return
        except OSError:  # a folder that cannot be looked at just now proves nothing
            return
        is_missing = place != self._home.path and not self._is_seen_by_the_server()
        if is_missing and self._missed:
            self._end(HomeMoved(self._home.path, place, self._lock.hand_on()))
        self._missed = is_missing

    def _is_seen_by_the_server(self) -> bool:
        return self._is_embedded and (self._lock.is_removed or self._home.data_fs.exists())

    def _end(self, error: BaseException) -> None:
        self.stop()
        self._lost(error)
