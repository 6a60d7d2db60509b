"""Ways in which the code of a job can commit without the connection that it was given."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import transaction
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.Connection import TransactionMetaData
from ZODB.serialize import ObjectWriter

from tests.support.gates import Gate
from zcasync import twist
from zcasync.perform.progress import current
from zcasync.zeo.sections import server_address

#: The name of the transaction that is to be undone, and the key in the root that it has set.
UNDONE = "to be undone"
#: The key in the root that an escape sets.
ESCAPED = "escaped"


def _commit_in(db: Any) -> None:
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    try:
        connection.root()[ESCAPED] = 1
        manager.commit()
    finally:
        manager.abort()
        connection.close()


def another_connection(own: Any) -> None:
    """A connection of the same database, perhaps from its pool."""
    _commit_in(own.db())


def another_database(own: Any) -> None:
    """A database anew over the same storage."""
    _commit_in(_anew(own.db()))


def a_companion(own: Any) -> None:
    """A connection of another database of the same application, opened by itself."""
    _commit_in(_other(own))


def a_companions_storage(own: Any) -> None:
    """A database anew over the storage of another one."""
    _commit_in(_anew(_other(own)))


def _other(own: Any) -> Any:
    return next(db for db in own.db().databases.values() if db is not own.db())


def _anew(db: Any, storage: Any = None) -> Any:
    """Make a database over a storage, of the same name and with the same companions."""
    others = {name: one for name, one in db.databases.items() if one is not db}
    return DB(storage or db.storage, database_name=db.database_name, databases=others)


def undo(own: Any) -> None:
    """The undo of one transaction."""
    manager = transaction.TransactionManager()
    own.db().undo(_undoable(own), manager.get())
    _commit(manager)


def undo_multiple(own: Any) -> None:
    """The undo of several."""
    manager = transaction.TransactionManager()
    own.db().undoMultiple([_undoable(own)], manager.get())
    _commit(manager)


def _commit(manager: Any) -> None:
    try:
        manager.commit()
    finally:
        manager.abort()


def _undoable(own: Any) -> Any:
    found = own.db().undoInfo(0, -100)
    return next(one["id"] for one in found if one["description"] == UNDONE)


def own_data_manager(own: Any) -> None:
    """A data manager of the job's own, which writes to the storage itself."""
    manager = transaction.TransactionManager()
    manager.get().join(_Direct(own.db()))
    _commit(manager)


class _Direct:
    """Stores the root as another connection has changed it."""

    def __init__(self, db: Any) -> None:
        self._storage = db.storage
        self._about = TransactionMetaData()
        manager = transaction.TransactionManager()
        connection = db.open(manager)
        root = connection.root()
        root[ESCAPED] = 1
        self._stored = root._p_oid, root._p_serial, ObjectWriter(root).serialize(root), ""
        manager.abort()
        connection.close()

    def sortKey(self) -> str:
        return "direct"

    def tpc_begin(self, txn: Any) -> None:
        self._storage.tpc_begin(self._about)

    def commit(self, txn: Any) -> None:
        self._storage.store(*self._stored, self._about)

    def tpc_vote(self, txn: Any) -> None:
        self._storage.tpc_vote(self._about)

    def tpc_finish(self, txn: Any) -> None:
        self._storage.tpc_finish(self._about)

    def tpc_abort(self, txn: Any) -> None:
        self._storage.tpc_abort(self._about)

    def abort(self, txn: Any) -> None:
        """Nothing was begun."""


def a_new_client(own: Any) -> None:
    """A database over a new client of the same server."""
    _commit_in_new_client(own.db())


def a_companions_new_client(own: Any) -> None:
    """The same of the server of another database."""
    _commit_in_new_client(_other(own))


def _commit_in_new_client(db: Any) -> None:
    made = _anew(db, _new_client(db.storage))
    try:
        _commit_in(made)
    finally:
        made.close()


def _new_client(storage: Any) -> Any:
    adapter = getattr(storage, "_adapter", None)  # of a RelStorage
    if adapter is None:
        addresses, name = server_address(storage)
        return ClientStorage(addresses, storage=name)
    kind, options = import_module("relstorage.storage").RelStorage, adapter.options.copy()
    return kind(type(adapter)(adapter._dsn, options), options=options)


def in_a_thread(own: Any) -> None:
    """The first one in a thread of the job's own."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            another_connection(own)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


#: Those that any database has.
PLAIN = (another_connection, another_database, undo, undo_multiple, own_data_manager)
#: Those of an application with two.
OF_TWO = (a_companion, a_companions_storage)
#: Those of a child, whose database is a client of a server.
IN_A_CHILD = (*PLAIN, in_a_thread, a_new_client)
IN_A_CHILD_OF_TWO = (*IN_A_CHILD, *OF_TWO, a_companions_new_client)


def attempt(ways: tuple[Callable[[Any], None], ...], own: Any) -> dict[str, str]:
    """Try all ways; the name of the error that each has ended with, or an empty text."""
    outcomes = {}
    for way in ways:
        try:
            way(own)
        except Exception as error:
            outcomes[way.__name__] = f"{type(error).__name__}: {error}"
        else:
            outcomes[way.__name__] = ""
    return outcomes


def try_all(gate: str, report: str) -> None:
    """Wait at a gate, try all ways of a child, and write what became of them."""
    job = current()
    assert job is not None
    own, path = job._p_jar, Path(report)
    Gate(gate).pass_through()
    ways = IN_A_CHILD if len(own.db().databases) == 1 else IN_A_CHILD_OF_TWO
    path.with_suffix(".new").write_text(json.dumps(attempt(ways, own)))
    path.with_suffix(".new").replace(path)


#: For what jobs of the tests' own process do: called first, then the ways with a connection; their
#: outcomes; and what some wait for in between.
FIRST: list[Callable[[], None]] = []
WAYS: list[Callable[[Any], None]] = []
CONNECTIONS: list[Any] = []
OUTCOMES: dict[str, str] = {}
DEFERREDS: list[Any] = []


def try_here(*args: Any) -> None:
    """The same in the tests' own process."""
    for first in FIRST:
        first()
    OUTCOMES.update(attempt(tuple(WAYS), CONNECTIONS[0]))


def try_from_the_reactor() -> None:
    """The same in a call of zcasync.twist, over a connection that is not fenced itself."""
    call = twist.Partial(try_here, CONNECTIONS[0].root())
    call.reactor = object()  # one without threads: the call is made here and now
    call()


async def try_later() -> None:
    """The same in a coroutine that waits before."""
    await DEFERREDS[0]
    try_here()
