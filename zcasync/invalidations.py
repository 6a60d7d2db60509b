"""Listening to a database's invalidations: what its commits write, as soon as that is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def listen(db: Any, listener: Any) -> Callable[[], None] | None:
    """Let a listener be told of each commit; returns what ends that, safe to repeat.

    Its ``_invalidate(tid, oids)`` and ``_invalidateCache()`` are called on any thread, with the
    lock of the database's connections held, and must not raise.  None where the storage has an MVCC
    of its own, as RelStorage: that tells nobody.
    """
    adapter = db._mvcc_storage
    instances = getattr(adapter, "_instances", None)
    if instances is None:
        return None
    with adapter._lock:
        instances.add(listener)

    def end() -> None:
        with adapter._lock:
            instances.discard(listener)

    return end
