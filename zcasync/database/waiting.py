"""Waiting for a storage that is away or full: workers wait instead of failing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from zcasync.database.errors import NOT_COMMITTED
from zcasync.database.sync import catch_up

#: The pauses grow by STEP, seconds: 0.1, 0.2 ... up to LONGEST_PAUSE.
STEP = 0.1
LONGEST_PAUSE = 5.0


class StorageWait:
    """The wait for a storage: called with what it raised, returns when it answers again.

    A storage that answers may still refuse commits, so the pauses grow until ``works`` is called.
    ``said(text)`` is called once when the wait begins and once when all works again.
    """

    def __init__(
        self, said: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.db: Any = None  # set it before the first call
        self._said = said
        self._sleep = sleep
        self._pause = 0.0

    def __call__(self, error: BaseException) -> None:
        if not self._pause:
            why = f"{type(error).__name__}: {error}"
            self._said(f"waiting for the database, trying again until it works: {why}")
        while True:
            self._pause = min(LONGEST_PAUSE, self._pause + STEP)
            self._sleep(self._pause)
            try:
                catch_up(self.db)
                return
            except NOT_COMMITTED:
                continue

    def works(self) -> None:
        """End the wait: something was stored."""
        if self._pause:
            self._pause = 0.0
            self._said("the database works again")
