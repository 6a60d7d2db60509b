"""The mode of a transaction manager and its synchronizers, which code may leave changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ZODB.interfaces import IConnection


class ManagerState:
    """The state of a transaction manager at the moment when this is made.

    ``manager``: one, or that of the thread.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = getattr(manager, "manager", manager)
        self._explicit = self._manager.explicit
        self._synchronizers = _keys(self._manager)

    def put_back_mode(self) -> None:
        """Let transactions begin as they did."""
        self._manager.explicit = self._explicit

    def put_back(self) -> None:
        """Let transactions begin as they did, and tell nobody of them who was not told before.

        A connection that was opened since is told still, as long as it is open: it belongs to whom
        has opened it.
        """
        self._manager.explicit = self._explicit
        if _keys(self._manager) != self._synchronizers:
            for one in _synchronizers(self._manager):
                if id(one) not in self._synchronizers and not IConnection.providedBy(one):
                    self._manager.unregisterSynch(one)
            self._synchronizers = _keys(self._manager)


def tell_only(manager: Any, connections: Iterable[Any]) -> None:
    """Let a manager tell nobody of its transactions but these connections."""
    kept = {id(one) for one in connections}
    for one in _synchronizers(manager):
        if id(one) not in kept:
            manager.unregisterSynch(one)


def tell(manager: Any, connection: Any) -> None:
    """Let a manager tell a connection of its transactions, from the end of the present one on."""
    if connection not in manager._synchs:
        manager._synchs.add(connection)


def _synchronizers(manager: Any) -> list[Any]:
    references = manager._synchs.as_weakref_list()
    return [one for reference in references if (one := reference()) is not None]


def _keys(manager: Any) -> frozenset[int]:
    # Those of the dictionary within: to go through weak references costs more than a job may.
    return frozenset(manager._synchs.data.data)
