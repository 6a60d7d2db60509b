"""Hearing: a thread's wait for commits to a database, heard of as soon as they are made."""

from __future__ import annotations

import threading
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from zcasync.database.listening import Listening, listen


class Hearing:
    """Hears of commits to a database from its beginning on; used in a ``with`` block.

    A subclass keeps what it wants of a commit.  ``is_told``: False where the storage tells of no
    commits, so that one has to look for oneself.
    """

    def __init__(self, db: Any) -> None:
        self.lock = threading.Lock()
        self._woken = threading.Event()
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

    @property
    def is_told(self) -> bool:
        """Whether the storage tells of commits."""
        return self._listening is not None

    def sleep(self, seconds: float) -> None:
        """Wait for a commit that was kept, or for ``seconds``."""
        self._woken.wait(seconds)

    def settle(self) -> None:
        """Wait until every connection knows of what was kept; to be called once that was taken."""
        if self._listening is not None:
            self._listening.settle()

    def rest(self) -> bool:
        """Begin to wait anew, with the lock held; return whether commits were missed meanwhile."""
        self._woken.clear()
        has_missed, self._has_missed = self._has_missed, False
        return has_missed

    # what is called on any thread

    def wants(self, oids: Collection[bytes]) -> bool:
        """Return whether a commit is to be reported."""
        return True

    def watches(self, oids: Collection[bytes]) -> bool:
        """Return whether some of these are waited for."""
        return False

    def keep(self, oids: Collection[bytes]) -> bool:
        """Keep what is wanted of a commit, with the lock held; return whether it is worth waking.

        To be implemented.
        """
        raise NotImplementedError

    def miss(self) -> None:
        """Note, with the lock held, that not all commits are known."""
        self._has_missed = True

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit."""
        with self.lock:
            if self.keep(oids):
                self._woken.set()

    def invalidate_all(self) -> None:
        """Take note that commits were missed: the storage was away."""
        with self.lock:
            self.miss()
            self._woken.set()
