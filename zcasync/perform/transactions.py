"""The transactions that a partial is performed in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import transaction
from transaction.interfaces import NoTransaction

from zcasync.job.arguments import target
from zcasync.job.record import PartialRecord


class Transactions:
    """The transactions of one partial: begin, commit, abort.

    Where the manager is explicit (as in Pyramid) there is always a transaction afterwards, so that
    the caller can go on in it.
    """

    def __init__(self, partial: PartialRecord) -> None:
        self._manager = manager_of(partial)

    def begin(self) -> None:
        """Begin a new transaction; changes that were not committed are lost."""
        if self._manager.explicit:
            with contextlib.suppress(NoTransaction):
                self._manager.abort()
        self._manager.begin()

    def commit(self) -> None:
        """Commit the transaction.  Raises what a participant raises."""
        self._manager.commit()
        if self._manager.explicit:
            self._manager.begin()

    def abort(self) -> None:
        """Abort the transaction; changes that were not committed are lost."""
        self._manager.abort()
        if self._manager.explicit:
            self._manager.begin()


def manager_of(partial: PartialRecord) -> Any:
    """Return the transaction manager of the partial's connection.

    For a partial that is not stored yet, that of the object whose method it calls; else the
    thread's.  Loads nothing of a stored one: the storage may be away.
    """
    jar = partial._p_jar
    if jar is None:
        jar = getattr(target(partial), "_p_jar", None)
    return transaction.manager if jar is None else jar.transaction_manager


def end_transaction(partial: PartialRecord) -> Callable[[], PartialRecord]:
    """Abort the transaction and return a function that returns the partial.

    The ``detach`` of a Host whose connection belongs to the caller: the connection stays open.
    """
    Transactions(partial).abort()
    return lambda: partial
