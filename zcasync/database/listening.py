"""Listening to the commits to a database, whatever its storage is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from zcasync.relstorage import listening as relstorage
from zcasync.zeo import invalidations as zeo


class Listener(Protocol):
    """A listener to commits, called in any thread.  Its methods must not raise."""

    def invalidate(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Take note of a commit that has written these."""

    def invalidate_all(self) -> None:
        """Take note that it is not known what was committed meanwhile."""

    def wants(self, oids: Collection[bytes]) -> bool:
        """Return whether a commit of these is to be reported; others may be reported, too."""

    def watches(self, oids: Collection[bytes]) -> bool:
        """Return whether some of these are waited for."""


class Listening(Protocol):
    """The registration of a listener."""

    @property
    def is_push(self) -> bool:
        """Whether commits are reported as soon as they are made; else when they are found."""

    def close(self) -> None:
        """Stop listening.  Safe to repeat."""

    def settle(self) -> None:
        """Wait until every connection knows of the commits that the listener was notified of."""


def listen(db: Any, listener: Listener) -> Listening | None:
    """Let a listener be notified of each commit; None where the storage tells of none.

    A RelStorage tells of none, either, but there is a thread that looks for them, and on PostgreSQL
    is told of them.
    """
    return zeo.listen(db, listener) or relstorage.listen(db, listener)
