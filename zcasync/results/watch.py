"""Watch: commits to a few records, heard of as soon as they are made."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from zcasync.zeo.invalidations import Listening, listen

#: Where the storage tells of commits, a look is taken at least this often all the same, seconds.
LONGEST_SILENCE = 5.0
#: Where it does not, the pauses between looks double from the first to the longest, seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.25


class Watch:
    """Waits for commits that write some of the records with these oids; used in a ``with`` block.

    What is committed from its beginning on is not missed.
    """

    def __init__(self, db: Any, oids: Collection[bytes]) -> None:
        self._oids = frozenset(oids)
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._heard: set[bytes] = set()
        self._has_missed = False
        self._pause = FIRST_PAUSE
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

    def next(self, seconds: float) -> set[bytes] | None:
        """Wait for a commit, or for ``seconds``; return what was written since the last call.

        None: nothing was heard, and any of the records may have been written.
        """
        if self._listening is None:
            time.sleep(min(self._pause, seconds))
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            return None
        self._woken.wait(min(LONGEST_SILENCE, seconds))
        with self._lock:
            self._woken.clear()
            heard, self._heard = self._heard, set()
            has_missed, self._has_missed = self._has_missed, False
        self._listening.settle()
        return heard if heard and not has_missed else None

    # what is called on any thread

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit."""
        heard = self._oids.intersection(oids)
        if heard:
            with self._lock:
                self._heard |= heard
                self._woken.set()

    def invalidate_all(self) -> None:
        """Take note that commits were missed: the storage was away."""
        with self._lock:
            self._has_missed = True
            self._woken.set()
