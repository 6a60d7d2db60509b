"""The doorbell: hears of commits of other processes and threads, and rings when they matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any


class Doorbell:
    """Listens to a database's invalidations, which arrive on the storage's thread.

    ``ring()`` is called there when one of the watched oids was written.  What comes while a pass is
    running is remembered, because the pass may not have seen it.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._watched: frozenset[bytes] = frozenset()
        self._recent: set[bytes] = set()
        self.is_live = False
        self._announcing: Any = nullcontext()
        self._remove: Callable[[], None] = lambda: None

    def listen(self, db: Any) -> bool:
        """Begin to listen; whether this storage tells of commits at all."""
        adapter = db._mvcc_storage
        instances = getattr(adapter, "_instances", None)
        if instances is None:  # a storage with MVCC of its own (RelStorage): nobody tells, so poll
            return False
        self._announcing = adapter._lock
        with adapter._lock:
            instances.add(self)
        self._remove = lambda: instances.discard(self)
        self.is_live = True
        return True

    def close(self) -> None:
        """Stop listening."""
        self._remove()
        self._remove = lambda: None
        self.is_live = False

    def begin(self) -> None:
        """A pass begins: what is heard from now on may be news to it."""
        self._recent = set()

    def settle(self) -> None:
        """Wait until what has rung is known to every connection; call it before a pass begins.

        We may be the first of a database's listeners to be told.
        """
        with self._announcing:
            pass

    def watch(self, oids: frozenset[bytes]) -> None:
        """A pass has ended: ring for these from now on, and at once for what came meanwhile."""
        self._watched = oids
        if not self._recent.isdisjoint(oids):
            self._ring()

    # what the MVCC adapter calls, on any thread

    def _invalidate(self, tid: bytes, oids: Iterable[bytes]) -> None:
        oids = set(oids)
        self._recent |= oids
        if not self._watched.isdisjoint(oids):
            self._ring()

    def _invalidateCache(self) -> None:
        self._ring()
