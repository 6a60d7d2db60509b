"""Commits that are tried again until it is known that they are there, and that are made once.

A commit whose answer was lost is in doubt: it may be stored.  Before such a commit is tried again,
a question about the records tells whether it is there.  Who has nothing of its own in the records
to ask for writes a receipt (:mod:`zcasync.database.receipts`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ZODB.POSException import ConflictError

from zcasync.database.errors import NOT_COMMITTED, give_up, is_storage_lost
from zcasync.errors import InDoubt
from zcasync.zeo.storage_errors import is_marked

T = TypeVar("T")
#: A function that is called with what a lost storage raised; returns once that is back, or raises.
StorageLost = Callable[[BaseException], None]


class Transactions(Protocol):
    """A transaction manager, or what stands before one."""

    def begin(self) -> object:
        """Begin a new transaction."""

    def commit(self) -> None:
        """Commit it."""

    def abort(self) -> None:
        """Abort it."""


def commit_once(
    transactions: Transactions,
    change: Callable[[], T],
    is_there: Callable[[T], bool],
    *,
    tries: int | None = None,
    storage_lost: StorageLost = give_up,
) -> T:
    """Make a change in a new transaction and commit it; return what ``change()`` returned.

    Both are done again after a conflict, ``tries`` times in all (None: without limit), and after a
    loss of the storage, once ``storage_lost(error)`` has returned: all that was committed can be
    seen then.  ``is_there(made)`` is asked in a new transaction whether the commit of the change
    that returned ``made`` is stored; objects that were new in that change are not stored objects
    any more, so ``made`` had better be ids and values.

    Raises InDoubt where ``storage_lost`` raises before that was asked; else what ``storage_lost``
    or ``change`` raises, and the error of the last try.
    """
    doubts = _Doubts(is_there)
    failures = 0
    while True:
        is_committing = False
        try:
            transactions.begin()
            for stored in doubts.resolved():
                return stored
            made = change()
            is_committing = True
            transactions.commit()
            return made
        except NOT_COMMITTED as error:
            transactions.abort()
            if is_committing and not isinstance(error, ConflictError):
                doubts.add(made)
            failures += not is_storage_lost(error)
            if failures == tries:
                return _after_the_last(transactions, doubts, storage_lost, error)
            if doubts.are_open or is_storage_lost(error):
                doubts.wait(storage_lost, error)
        except BaseException:
            transactions.abort()
            raise


def look_up(
    transactions: Transactions, question: Callable[[], T], storage_lost: StorageLost = give_up
) -> T:
    """Return the answer to a question about the records, asked in a new transaction.

    Waits for the storage as :func:`commit_once` does.
    """
    while True:
        try:
            transactions.begin()
            return question()
        except ConflictError:
            transactions.abort()
        except NOT_COMMITTED as error:
            transactions.abort()
            if isinstance(error, OSError) and not is_marked(error):
                raise  # no storage has raised it: a log, for instance, that cannot be written
            storage_lost(error)


class OwnTransactions:
    """The transactions of a change that begins and commits its own, and can be made again."""

    def begin(self) -> None:
        """Do nothing."""

    commit = abort = begin


class _Doubts(Generic[T]):
    """The commits whose answers were lost."""

    def __init__(self, is_there: Callable[[T], bool]) -> None:
        self._is_there = is_there
        self._made: list[T] = []
        self.are_open = False

    def add(self, made: T) -> None:
        self._made.append(made)
        self.are_open = True

    def resolved(self) -> list[T]:
        """Return what is stored.  Each is asked about before each try: a message may be late."""
        stored = [made for made in self._made if self._is_there(made)]
        self.are_open = False
        return stored

    def wait(self, storage_lost: StorageLost, error: BaseException) -> None:
        try:
            storage_lost(error)
        except Exception as why:
            if self.are_open:
                raise InDoubt(
                    "the database went away during a commit, and it is not known whether that is "
                    f"stored: {type(why).__name__}: {why}"
                ) from why
            raise


def _after_the_last(
    transactions: Transactions, doubts: _Doubts[T], storage_lost: StorageLost, error: Exception
) -> T:
    """Return what is stored after all; raise the error of the last try where nothing is."""
    for stored in look_up(
        transactions, doubts.resolved, lambda lost: doubts.wait(storage_lost, lost)
    ):
        return stored
    raise error
