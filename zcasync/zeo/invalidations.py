"""Listening to a database's invalidations: the oids that commits write, as soon as known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

#: The number of oids that an unused connection may have noted.
NOTED_LIMIT = 20_000


class Listener(Protocol):
    """A listener to commits, called in any thread, with the lock of the database's connections.

    Its methods must not raise.
    """

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit that has written these."""

    def invalidate_all(self) -> None:
        """Take note that the storage was away, and does not know what others wrote meanwhile."""


class Listening:
    """The registration that :func:`listen` makes, one of the views of a database."""

    def __init__(self, adapter: Any, views: set[Any], listener: Listener) -> None:
        self._adapter = adapter
        self._views = views
        self._invalidate = listener.invalidate
        self._invalidateCache = listener.invalidate_all
        with adapter._lock:
            views.add(self)

    @property
    def is_push(self) -> bool:
        """Whether commits are reported as soon as they are made: always."""
        return True

    def close(self) -> None:
        """Stop listening.  Safe to repeat."""
        with self._adapter._lock:
            self._views.discard(self)

    def settle(self) -> None:
        """Wait until every connection knows of the commits that the listener was notified of.

        The listener may be notified before the connections.
        """
        with self._adapter._lock:
            pass


def listen(db: Any, listener: Listener) -> Listening | None:
    """Let a listener be notified of each commit.

    None where the storage has an MVCC of its own, as RelStorage: that notifies no listener.
    """
    views = _views(db)
    return None if views is None else Listening(db._mvcc_storage, views, listener)


def bound(db: Any) -> None:
    """Limit the changes that a connection of a database notes while it is unused.

    Each notes the oid of every object that any client writes, until its next transaction begins:
    that of a waiting child or spare, and one in a pool, for hours and days.  A connection that has
    noted too much forgets that, and with it, when it is used again, what it has loaded.
    """
    views = _views(db)
    if views is not None:
        listen(db, _Bound(views))


def _views(db: Any) -> set[Any] | None:
    """Return the views that a database's MVCC adapter notifies; None where it has no adapter.

    RelStorage has a list by the same name, of references to storages, which are not notified.
    """
    views = getattr(db._mvcc_storage, "_instances", None)
    return views if isinstance(views, set) else None


class _Bound:
    """A listener that checks the views whenever one can have noted more than the limit."""

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
        """Do nothing: every view forgets all by itself now."""
