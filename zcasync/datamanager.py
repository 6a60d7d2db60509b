"""The data manager: the object in the ZODB root that holds the queues and the workers.

Its parts are in the rooms ``queues`` and ``workers``; here are their public names.
"""

from __future__ import annotations

from typing import Any

from persistent import Persistent
from zope.interface import implementer

from zcasync.interfaces import ROOT_KEY, IDataManager
from zcasync.queues.partial_queue import PartialQueue
from zcasync.workers.claims import SizedSequence
from zcasync.workers.completed import Completed
from zcasync.workers.worker import Worker, Workers

__all__ = [
    "Completed",
    "DataManager",
    "PartialQueue",
    "SizedSequence",
    "Worker",
    "Workers",
    "find",
    "install",
]


@implementer(IDataManager)
class DataManager(Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.IDataManager`."""

    def __init__(self) -> None:
        self.thread = PartialQueue(self, "thread")
        self.reactor = PartialQueue(self, "reactor")
        self.workers = Workers(self)

    def queue(self, name: str) -> PartialQueue:
        """Return one of the two queues by its name.  Raises LookupError for any other name."""
        if name not in ("thread", "reactor"):
            raise LookupError(f"there is no queue {name!r}: the queues are thread and reactor")
        return getattr(self, name)  # type: ignore[no-any-return]


def find(connection: Any) -> DataManager | None:
    """Return the data manager that a connection's database has or refers to; None: none yet."""
    return connection.root().get(ROOT_KEY)  # type: ignore[no-any-return]


def install(connection: Any, database_name: str | None = None) -> DataManager:
    """Return the data manager of this connection's database; install one when there is none.

    With a ``database_name`` a new one is kept in that database, and this root refers to it.  The
    caller commits.
    """
    root = connection.root()
    manager = root.get(ROOT_KEY)
    if manager is None:
        if database_name is None or database_name == connection.db().database_name:
            manager = DataManager()
            connection.add(manager)
        else:
            manager = install(connection.get_connection(database_name))
        root[ROOT_KEY] = manager
    return manager  # type: ignore[no-any-return]
