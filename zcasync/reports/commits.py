"""Commits: what others write to a database, heard of as soon as it is written."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from zcasync.zeo.invalidations import Listening, listen

#: More oids than these are not remembered.
MOST_OIDS = 10_000
#: The pause of those who are told of no commits, seconds.
PAUSE = 0.25


class Commits:
    """Listens to the commits of a database; used in a ``with`` block."""

    def __init__(self, db: Any) -> None:
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._heard: list[frozenset[bytes]] = []
        self._count = 0
        self._has_missed = False
        self._listening: Listening | None = listen(db, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._listening is not None:
            self._listening.close()

    def wait(self, seconds: float) -> None:
        """Wait for a commit or for ``seconds``, or less where the storage tells of none."""
        if self._listening is None:
            time.sleep(min(PAUSE, seconds))
        elif self._woken.wait(seconds):
            self._listening.settle()

    def take(self) -> list[frozenset[bytes]] | None:
        """Return the oids that each commit since the last call has written; None: not known."""
        with self._lock:
            self._woken.clear()
            heard, self._heard, self._count = self._heard, [], 0
            has_missed, self._has_missed = self._has_missed, False
        return None if has_missed or self._listening is None else heard

    # what is called on any thread

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit."""
        with self._lock:
            self._count += len(oids)
            if self._count > MOST_OIDS:
                self._has_missed = True
            else:
                self._heard.append(frozenset(oids))
            self._woken.set()

    def invalidate_all(self) -> None:
        """Take note that commits were missed: the storage was away."""
        with self._lock:
            self._has_missed = True
            self._woken.set()
