"""Salvage: what was lost of a database, after one transaction has begun that anew."""

from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any, TypeVar

from transaction.interfaces import TransientError
from ZODB.POSException import POSError, StorageError

from zcasync.datamanager import DataManager, find
from zcasync.errors import ConfigurationError, ZCAsyncError
from zcasync.interfaces import ROOT_KEY
from zcasync.job.loadable import why_unloadable
from zcasync.queues.partial_queue import PartialQueue
from zcasync.salvage.queues import salvage_queue, salvaged_queues
from zcasync.salvage.quotas import salvage_quotas
from zcasync.salvage.records import Loss, Records
from zcasync.salvage.schedules import salvage_schedules
from zcasync.salvage.workers import salvage_workers
from zcasync.workers.claims import ClaimList
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.undo_guard import UndoGuard
from zcasync.workers.worker import Worker

T = TypeVar("T")

#: What is referred to without a class, by the class of who refers to it.
BARE: dict[type, type] = {
    DataManager: PartialQueue,
    Worker: Incarnation,
    ClaimList: UndoGuard,
}
MANAGER = "the record of the data manager"
#: Errors that no damage is behind.
NOT_DAMAGE = (TransientError, StorageError, ZCAsyncError)
#: Errors that work on damaged records ends with; in most cases it is ZODB's StateLoadError.
DAMAGE = (
    POSError,
    UnpicklingError,
    EOFError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    AssertionError,
    RuntimeError,
)


def salvage(connection: Any) -> list[Loss]:
    """Begin anew, in the present transaction, each record that holds others and cannot be loaded.

    Return what that was, nothing where all is sound; the caller commits.  Raises ConfigurationError
    where not even the data manager can be loaded, and what a storage raises that cannot answer now.
    """
    records = Records(connection, BARE)
    _require(connection.root(), "the root of the database")
    manager = connection.root().get(ROOT_KEY)
    if manager is None:
        return []
    if not records.restore(manager, MANAGER):
        _require(manager, MANAGER)
    for name, queue in salvaged_queues(records, manager):
        salvage_queue(records, manager, name, queue)
    salvage_workers(records, manager)
    salvage_quotas(records, manager)
    salvage_schedules(records, manager)
    return records.losses


def despite_damage(connection: Any, work: Callable[[], T]) -> T:
    """Return what ``work()`` returns, after a salvage where damaged records have stopped it.

    Work and salvage are in one transaction, which begins anew for that; the caller commits or
    aborts it.  Raises what the work raises.
    """
    try:
        return work()
    except NOT_DAMAGE:
        raise
    except DAMAGE:
        connection.transaction_manager.abort()
        connection.transaction_manager.begin()
        if not salvage(connection):
            raise
    return work()


def find_despite_damage(connection: Any) -> DataManager | None:
    """Return the data manager as ``find`` does, after a salvage where that is needed."""
    return despite_damage(connection, lambda: find(connection))


def mend(connection: Any) -> list[Loss]:
    """Salvage in a transaction of its own, and commit it; return what was lost."""
    manager = connection.transaction_manager
    manager.abort()
    manager.begin()
    losses = salvage(connection)
    if losses:
        manager.get().note("zcasync: damaged records are begun anew")
        manager.commit()
    return losses


def _require(obj: Any, what: str) -> None:
    problem = why_unloadable(obj)
    if problem is not None:
        raise ConfigurationError(
            f"{what} is damaged ({problem}), and nothing can be found without it: restore a backup"
        )
