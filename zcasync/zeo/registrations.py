"""What is registered with a transaction beside changes, so that a part of it can be taken back.

The rollback of a savepoint takes back changes, and what has joined since.  Hooks, notes, labels,
data and synchronizers stay, and :mod:`transaction` has no way to remove them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transaction.interfaces import TransactionFailedError
from ZODB.interfaces import IConnection

from zcasync.errors import FOREIGN_CODE

#: The places of two lists in those of all hooks.
BEFORE_ABORT, AFTER_ABORT = 0, 1
NONE: dict[int, Any] = {}


class Registrations:
    """What was registered with a transaction at the moment when this is made."""

    def __init__(self, transaction: Any) -> None:
        self._transaction = transaction
        self._status = transaction.status
        self._description = transaction.description
        self._labels = _labels(transaction)
        self._lists = _hooks(transaction)
        self._counts = [*map(len, self._lists)]
        self._synchronizers = _synchronizers(transaction)

    @property
    def is_labelled(self) -> bool:
        """True once something was registered since that is of the transaction as a whole.

        The user, extension data, the transaction's data, and that it is doomed.
        """
        transaction = self._transaction
        return bool(transaction.status != self._status or _labels(transaction) != self._labels)

    def take_back(self, rollback: Callable[[], None]) -> None:
        """Take back what was registered since, and by ``rollback()`` the changes.

        The hooks among it for an abort are called around that, with what errors they have logged.
        Raises TransactionFailedError, or what ``rollback`` raises, where only the abort of the
        whole transaction is left.
        """
        transaction = self._transaction
        if transaction.status != self._status and not transaction.isDoomed():
            raise TransactionFailedError("a savepoint has failed, so the transaction has")
        self._call_new(BEFORE_ABORT)
        rollback()
        if self._call_new(AFTER_ABORT):
            rollback()  # what such a hook changes is not committed
        self._restore()

    def _call_new(self, kind: int) -> bool:
        """Call the new hooks of a kind; return whether there are any."""
        hooks, count = self._lists[kind], self._counts[kind]
        new = hooks[count:]
        del hooks[count:]
        for hook, args, kwargs in new:
            try:
                hook(*args, **kwargs)
            except FOREIGN_CODE:  # as in an abort: what goes wrong in one hook stops nothing
                self._transaction.log.exception("Error in hook exec in %s", hook)
        return bool(new)

    def _restore(self) -> None:
        transaction = self._transaction
        for hooks, count in zip(self._lists, self._counts, strict=True):
            del hooks[count:]
        transaction.status = self._status
        transaction.description = self._description
        transaction.user, extension, data = self._labels
        transaction.extension = dict(extension)
        transaction._data = dict(data)
        registered = transaction._synchronizers
        before = {id(one): one for one in _alive(self._synchronizers)}
        now = {id(one): one for one in _alive(_synchronizers(transaction))}
        for key in before.keys() - now.keys():
            registered.add(before[key])
        for key in now.keys() - before.keys():
            if not IConnection.providedBy(now[key]):  # one stays open, whoever has opened it
                registered.remove(now[key])


def has_participants(transaction: Any) -> bool:
    """Return whether anything has joined a transaction: it has changes to be committed."""
    return bool(transaction._resources)


def _hooks(transaction: Any) -> list[list[Any]]:
    return [
        transaction._before_abort,
        transaction._after_abort,
        transaction._before_commit,
        transaction._after_commit,
    ]


def _labels(transaction: Any) -> tuple[str, dict[str, Any], dict[int, Any]]:
    data = getattr(transaction, "_data", NONE)
    return transaction.user, {**transaction.extension}, {**data}


def _synchronizers(transaction: Any) -> list[Any]:
    """Return weak references to the synchronizers: that they are noted keeps none of them alive."""
    return transaction._synchronizers.as_weakref_list()  # type: ignore[no-any-return]


def _alive(references: list[Any]) -> list[Any]:
    return [one for reference in references if (one := reference()) is not None]
