"""Listening to a database's invalidations: what its commits write, as soon as that is known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

#: So many oids a connection that nobody uses may have noted.
NOTED_LIMIT = 20_000


class Listener(Protocol):
    """What is told of commits: on any thread, with the lock of the database's connections held.

    It must not raise.
    """

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """A commit has written these."""

    def invalidate_all(self) -> None:
        """The storage was away, and does not know what others have written meanwhile."""


class Listening:
    """What :func:`listen` has begun; among the views of a database, as those of connections."""

    def __init__(self, adapter: Any, views: set[Any], listener: Listener) -> None:
        self._adapter = adapter
        self._views = views
        self._invalidate = listener.invalidate
        self._invalidateCache = listener.invalidate_all
        with adapter._lock:
            views.add(self)

    def close(self) -> None:
        """Listen no more.  Safe to repeat."""
        with self._adapter._lock:
            self._views.discard(self)

    def settle(self) -> None:
        """Wait until what the listener was told of is known to every connection.

        It may be the first to be told.
        """
        with self._adapter._lock:
            pass


def listen(db: Any, listener: Listener) -> Listening | None:
    """Let a listener be told of each commit.

    None where the storage has an MVCC of its own, as RelStorage: that tells nobody.
    """
    views = _views(db)
    return None if views is None else Listening(db._mvcc_storage, views, listener)


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

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        self._heard += len(oids)
        if self._heard > NOTED_LIMIT:
            self._heard = 0
            for view in self._views:
                if len(getattr(view, "_invalidations", None) or ()) > NOTED_LIMIT:
                    view._invalidateCache()

    def invalidate_all(self) -> None:
        """Every view forgets all just now."""
