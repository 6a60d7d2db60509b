"""Waiting for a storage that is away or full: workers wait, commands for a limited time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zcasync import clock
from zcasync.database.errors import NOT_COMMITTED
from zcasync.database.sync import catch_up, catch_up_all
from zcasync.zeo.connections import are_connected

#: The pauses grow by STEP, seconds: 0.1, 0.2 ... up to LONGEST_PAUSE.
STEP = 0.1
LONGEST_PAUSE = 5.0
#: A server that only the connection was lost to is there again within this time, seconds.
BACK_SECONDS = 0.4
BACK_LOOKS = 20

#: Told of a wait: what the storage raised last, since when (microseconds since 1970) it raises
#: something, and how often it has; None instead of the error: it answers.
Observer = Callable[[BaseException | None, int, int], None]


def unseen(error: BaseException | None, since: int, tries: int) -> None:
    """Observe nothing."""


class StorageWait:
    """The wait for a storage: called with what it raised, returns when it answers again.

    A storage that answers may still refuse commits, so the pauses grow until ``works`` is called.
    ``said(text)`` is called once when the wait begins and once when all works again, ``observe`` at
    each try, in the thread that waits, and when the storage answers.
    """

    def __init__(
        self,
        said: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
        observe: Observer = unseen,
    ) -> None:
        self.db: Any = None  # set it before the first call
        self._said = said
        self._sleep = sleep
        self._observe = observe
        self._pause = 0.0
        self._since = self._tries = 0

    def use(self, db: Any) -> None:
        """Wait for this database from now on."""
        self.db = db

    def __call__(self, error: BaseException) -> None:
        if not self._pause:
            why = f"{type(error).__name__}: {error}"
            self._said(f"waiting for the database, trying again until it works: {why}")
            self._since, self._tries = clock.now(), 0
        while True:
            self._tries += 1
            self._observe(error, self._since, self._tries)
            self._pause = min(LONGEST_PAUSE, self._pause + STEP)
            self._sleep(self._pause)
            try:
                catch_up(self.db)
            except NOT_COMMITTED as again:
                error = again
            else:
                self._observe(None, self._since, self._tries)
                return

    def works(self) -> None:
        """End the wait: something was stored."""
        if self._pause:
            self._pause = 0.0
            self._said("the database works again")


def is_back_at_once(db: Any, sleep: Callable[[float], None]) -> bool:
    """Return whether a database that has just lost its servers has them again in no time.

    Then they were there all the while.  A server that has ended takes longer to begin anew.
    """
    for _ in range(BACK_LOOKS):
        if are_connected(db):
            return True
        sleep(BACK_SECONDS / BACK_LOOKS)
    return are_connected(db)


class LimitedWait:
    """The wait of somebody who has only so many seconds, counted from its first call.

    Called with what the storage raised: returns when it answers again, and raises the same when the
    time is over.  ``sleep`` and ``clock`` are of seconds.
    """

    def __init__(
        self,
        db: Any,
        seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._seconds = seconds
        self._sleep = sleep
        self._clock = clock
        self._until: float | None = None
        self._pause = 0.0

    def __call__(self, error: BaseException) -> None:
        if self._until is None:
            self._until = self._clock() + self._seconds
        while (left := self._until - self._clock()) > 0:
            self._pause = min(LONGEST_PAUSE, self._pause + STEP)
            self._sleep(min(left, self._pause))
            try:
                catch_up_all(self._db)
                return
            except NOT_COMMITTED:
                continue
        raise error
