"""Listening to a database's invalidations: what its commits write, as soon as that is known."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

#: So many oids a connection that nobody uses may have noted.
NOTED_LIMIT = 20_000


def listen(db: Any, listener: Any) -> Callable[[], None] | None:
    """Let a listener be told of each commit; returns what ends that, safe to repeat.

    Its ``_invalidate(tid, oids)`` and ``_invalidateCache()`` are called on any thread, with the
    lock of the database's connections held, and must not raise.  None where the storage has an MVCC
    of its own, as RelStorage: that tells nobody.
    """
    adapter, views = db._mvcc_storage, _views(db)
    if views is None:
        return None
    with adapter._lock:
        views.add(listener)

    def end() -> None:
        with adapter._lock:
            views.discard(listener)

    return end


def bound(db: Any) -> None:
    """Let no connection of a database, that nobody uses for long, note without limit what changes.

    Each notes the oid of every object that anybody writes, until its next transaction begins: a
    child or a spare that waits, and a connection in a pool, for hours and days.  One that has noted
    too much forgets that, and with it, when it is used again, what it has loaded.
    """
    views = _views(db)
    if views is not None:
        listen(db, _Bound(views))


def _views(db: Any) -> set[Any] | None:
    """Those whom the MVCC adapter of a database tells of commits; None where it has no adapter.

    RelStorage has a list by the same name, of references to storages, which are told nothing.
    """
    views = getattr(db._mvcc_storage, "_instances", None)
    return views if isinstance(views, set) else None


class _Bound:
    """Looks whenever a view can have noted more than the limit since the last time."""

    def __init__(self, views: Collection[Any]) -> None:
        self._views = views
        self._heard = 0

    def _invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        self._heard += len(oids)
        if self._heard > NOTED_LIMIT:
            self._heard = 0
            for view in self._views:
                if len(getattr(view, "_invalidations", None) or ()) > NOTED_LIMIT:
                    view._invalidateCache()

    def _invalidateCache(self) -> None:
        """Every view forgets all just now."""
