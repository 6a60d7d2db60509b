"""Desk: the database of an application, as its panel reads and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import transaction

from zcasync.database.commit_once import commit_once
from zcasync.database.no_imports import by_name
from zcasync.database.sync import catch_up, manager_database
from zcasync.datamanager import find
from zcasync.salvage.salvage import despite_damage
from zcasync.zeo.aside import aside

T = TypeVar("T")

#: The tries of a commit where other processes are quicker.
TRIES = 8


class Desk:
    """A connection for one request, which no application's class is loaded by.

    Its transactions are its own: what a request has changed besides is neither seen nor committed.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._transactions = connection.transaction_manager

    def look(self, work: Callable[[Any, Any], T]) -> T:
        """Return what ``work(connection, data manager)`` finds in a new transaction.

        The manager is None where none is installed.  Raises what the storage raises.
        """
        self._transactions.begin()
        return self._work(work)

    def change(
        self,
        work: Callable[[Any, Any], T],
        is_there: Callable[[Any, Any, T], bool],
        note: str,
        user: str,
    ) -> T:
        """Do the work as ``look`` does and commit it, once; return what it returns.

        ``is_there``: see :meth:`zcasync.cli.session.Session.change`; ``note``, ``user``: of the
        transaction.  Raises as :func:`zcasync.database.commit_once.commit_once` does.
        """
        return commit_once(
            self._transactions,
            lambda: self._noted(work, note, user),
            lambda made: is_there(self._connection, find(self._connection), made),
            tries=TRIES,
        )

    def _noted(self, work: Callable[[Any, Any], T], note: str, user: str) -> T:
        done = self._work(work)
        present = self._transactions.get()  # another one where damage was salvaged
        present.note(note)
        present.user = user
        return done

    def _work(self, work: Callable[[Any, Any], T]) -> T:
        here = self._connection
        return despite_damage(here, lambda: work(here, find(here)))


@contextmanager
def desk(db: Any) -> Iterator[Desk]:
    """Provide a desk for a request.  ``db``: the application's main database, open."""
    own = manager_database(db)
    catch_up(own)
    with aside(own, transaction.TransactionManager(), by_name) as connection:
        yield Desk(connection)
