"""Errors that a storage has raised, told apart from those of others in its transaction.

A mailer, a search index, a file or a hook can raise what looks like a storage that is away.  Who
has raised an error is found in its traceback, in which a storage of the connection has a frame.
The error is marked then, because a traceback gets lost on the way, in a Deferred for instance.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

#: The attribute of an error that a storage has raised.
MARK = "zcasync_of_storage"
#: That of one which it has raised in a commit.
COMMIT_MARK = "zcasync_of_commit"


class MarksStorageErrors:
    """A mixin for a connection's class, which marks what storages raise where it asks them."""

    def get(self, oid: bytes) -> Any:
        """Return the object with this oid."""
        try:
            return super().get(oid)  # type: ignore[misc]
        except BaseException as error:
            mark(error, self)
            raise

    def setstate(self, obj: Any) -> None:
        """Load an object."""
        try:
            super().setstate(obj)  # type: ignore[misc]
        except BaseException as error:
            mark(error, self)
            raise

    def tpc_begin(self, transaction: Any) -> None:
        """Begin a commit."""
        self._marking(super().tpc_begin, transaction)  # type: ignore[misc]

    def commit(self, transaction: Any) -> None:
        """Do this part of the two-phase commit."""
        self._marking(super().commit, transaction)  # type: ignore[misc]

    def tpc_vote(self, transaction: Any) -> None:
        """Vote in the two-phase commit."""
        self._marking(super().tpc_vote, transaction)  # type: ignore[misc]

    def tpc_finish(self, transaction: Any) -> None:
        """End the two-phase commit."""
        self._marking(super().tpc_finish, transaction)  # type: ignore[misc]

    def _marking(self, step: Callable[[Any], None], transaction: Any) -> None:
        try:
            step(transaction)
        except BaseException as error:
            mark(error, self)
            if is_marked(error):
                setattr(error, COMMIT_MARK, True)
            raise


def mark(error: BaseException, connection: Any) -> None:
    """Mark an error that a storage has raised, of this connection or of one that belongs to it.

    ``connection`` None: none.
    """
    if connection is None or is_marked(error):
        return
    storages = {id(one) for one in _storages(connection)}
    trace = error.__traceback__
    while trace is not None:
        if id(trace.tb_frame.f_locals.get("self")) in storages:
            with suppress(AttributeError):  # a class that takes no attributes
                setattr(error, MARK, True)
            return
        trace = trace.tb_next


def is_marked(error: BaseException | None) -> bool:
    """Return whether an error is known to have been raised by a storage."""
    return getattr(error, MARK, False) is True


def is_of_commit(error: BaseException | None) -> bool:
    """Return whether an error is known to have been raised by a storage in a commit."""
    return getattr(error, COMMIT_MARK, False) is True


def _storages(connection: Any) -> list[Any]:
    """Return the storages of a connection and its companions, with those that they stand before."""
    found = []
    for one in connection.connections.values():
        view = one._normal_storage
        found += [view, getattr(view, "_storage", None), getattr(one.db(), "storage", None)]
    return [one for one in found if one is not None]
