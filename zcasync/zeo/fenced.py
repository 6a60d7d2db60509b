"""Connections that commit only what is fenced, together with those of other databases.

``Connection.commit(transaction)`` is the one place that every commit passes, whether the
transaction was begun explicitly or not, and whether it was rolled back to savepoints before.  See
:mod:`zcasync.workers.fence` for the reason of a fence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ZODB.POSException import Unsupported

from zcasync.errors import FencedError, UnknownDatabase
from zcasync.zeo.blobs import require_blobs
from zcasync.zeo.connections import has_changes, use_class_factory
from zcasync.zeo.entrances import Entered
from zcasync.zeo.older import ClassFactory, Reads
from zcasync.zeo.storage_errors import MarksStorageErrors
from zcasync.zeo.storage_fence import StorageFence, active, fenced_already


class Fenced(Entered, Reads, MarksStorageErrors):
    """A mixin for a connection's class; its commits check the ``incarnation`` it is given.

    That is one of the connection's own objects; None: no fence.  ``chain.write()`` is called before
    the connection commits changes.  ``storage_fence``: the fence of what is committed past the
    connection, once it was asked for.  ``office``: the queue and the worker for which it is used by
    jobs; '': by none.
    """

    incarnation: Any = None
    chain: Any = None
    storage_fence: StorageFence | None = None
    office: str = ""
    #: Called with the id of a transaction as soon as that is committed, where no other storage took
    #: part; it must not raise.
    told: Callable[[bytes], None] | None = None
    #: Whether the storage calls it, even earlier.
    is_told_by_storage = False
    #: What its classes are made by, where that is not the database's.
    class_factory: ClassFactory | None = None

    def tpc_begin(self: Any, transaction: Any) -> None:
        """Begin a commit; the storage has to fence it only where no connection does."""
        begin = super().tpc_begin
        if any(_is_fenced(one) for one in self.connections.values()):
            fenced_already(begin, transaction)
        else:
            begin(transaction)

    def commit(self: Any, transaction: Any) -> None:
        """Do this part of the two-phase commit.

        Raises FencedError when the engine was buried, Unsupported for a blob that cannot be stored.
        """
        incarnation = self.incarnation
        if incarnation is not None and not incarnation._p_changed:
            require_alive(incarnation)
            self.readCurrent(incarnation)
        if self.chain is not None and has_changes(self):
            self.chain.write()
        try:
            super().commit(transaction)
        except Unsupported as error:
            require_blobs(self, error)
            raise

    def tpc_finish(self: Any, transaction: Any) -> None:
        """Finish a commit, and tell of it before the connection looks what others have done."""
        written = self._modified
        super().tpc_finish(transaction)
        if self.told is None or self.is_told_by_storage:
            return
        objects = filter(None, map(self._cache.get, written))
        serials = [one._p_serial for one in objects if one._p_changed is not None]
        if serials and len(transaction._resources) == 1:
            self.told(serials[0])

    def _register(self: Any, obj: object = None) -> None:
        # A job may change only objects of another database: the fence's connection has to join too.
        super()._register(obj)  # type: ignore[misc]
        if len(self.db().databases) > 1:
            for other in self._fencing():
                if other is not self and other._needs_to_join:
                    other._register()

    def _fencing(self: Any) -> list[Any]:
        """Return the connections that have to take part in each commit of this one."""
        found = [one for one in self.connections.values() if _is_fenced(one)]
        fence = active()
        if found or fence is None or fence.db not in self.db().databases.values():
            return found
        return [self.get_connection(fence.db.database_name)]  # its storage fences the commit

    def get_connection(self: Any, database_name: str) -> Any:
        """Return the companion in another database of this name, which can be fenced, too.

        Raises UnknownDatabase.
        """
        found = self.connections.get(database_name)
        if found is None:
            db = self.db().databases.get(database_name)
            if db is None:
                raise UnknownDatabase(_unknown(database_name))
            found = open_fenced(db, self.transaction_manager, self.before, self.class_factory)
            self.connections.update(found.connections)
            found.connections = self.connections
        return found


def _unknown(name: str) -> str:
    return (
        f"there is no database {name!r} in this process, and an object of it is needed: the "
        f"etc/zcasync.conf of this worker needs a section <zodb {name}>; where it names no "
        "database at all, the application has to open this one before its engine begins"
    )


def require_alive(incarnation: Any) -> None:
    """Raise FencedError when an engine is over by its incarnation."""
    if incarnation.is_over:
        raise FencedError(
            f"engine {incarnation.engineUUID} is over ({incarnation.end_reason}): nothing that it "
            "still does may be committed"
        )


def _is_fenced(connection: Any) -> bool:
    return getattr(connection, "incarnation", None) is not None


@lru_cache
def fenced_class(kind: type) -> type:
    """Return the fenced variant of a connection class."""
    return kind if issubclass(kind, Fenced) else type(f"Fenced{kind.__name__}", (Fenced, kind), {})


def open_fenced(
    db: Any,
    transaction_manager: Any,
    before: bytes | None = None,
    class_factory: ClassFactory | None = None,
) -> Any:
    """Open a connection that can be fenced; the database makes only such ones from now on.

    Those that an application has in the pool from before cannot; they go back there.
    ``class_factory``: that of this connection, another one than the database's; it is to be
    discarded when it is closed, and so are its companions in other databases.
    """
    db.klass = fenced_class(db.klass)
    others = []
    try:
        while True:
            connection = db.open(transaction_manager, before=before)
            if isinstance(connection, Fenced):
                if class_factory is not None:
                    connection.class_factory = class_factory
                    use_class_factory(connection, class_factory)
                return connection
            others.append(connection)
    finally:
        for other in others:
            other.close()
