"""Facts that connections, their pool and their view of the storage have in private attributes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ZEO.ClientStorage import ClientStorage

from zcasync.relstorage.adoption import own_storage
from zcasync.relstorage.sessions import sockets_of
from zcasync.zeo.older import Reader


def use_class(db: Any, kind: type) -> None:
    """Let a database that was just opened make its connections of another class.

    It has one already, from reading its root, which is thrown away.
    """
    db.klass = kind
    size = db.getPoolSize()
    db.setPoolSize(0)
    db.setPoolSize(size)


def make_classes_by(db: Any, class_factory: Callable[[Any, str, str], Any]) -> None:
    """Let a database that was just opened, and those beside it, make classes by this factory."""
    for one in db.databases.values():
        one.classFactory = class_factory
        use_class(one, one.klass)


def use_class_factory(connection: Any, class_factory: Callable[[Any, str, str], Any]) -> None:
    """Let a connection make classes by another factory than its database's.

    What it has in its cache from others' use is thrown away.
    """
    connection._resetCache()
    connection._reader = Reader(connection, connection._cache, class_factory)


def discard(connection: Any) -> None:
    """Take a closed connection out of its database's pool for good.  Safe to repeat."""
    db = connection.db()
    with db._lock:
        pool = db.pool
        if connection not in pool.all:
            return
        pool.available[:] = [pair for pair in pool.available if pair[1] is not connection]
        pool.all.discard(connection)
    # Otherwise the database would go on noting for it what others commit.
    connection._storage.release()


def is_usable(db: Any) -> bool:
    """Return whether neither a database nor one beside it was closed, nor their storages."""
    dbs = db.databases.values()  # itself among them; it has none when it was closed
    return bool(dbs) and all(map(_is_open, dbs))


def _is_open(db: Any) -> bool:
    # One that is closed has no storage of its own; its class has the attribute's description.
    return "storage" in vars(db) and not getattr(db.storage, "is_closed", False)


def storages_that_tell(db: Any) -> list[Any]:
    """Return the storages of a database and those beside it that know that they are closed."""
    storages = [one.storage for one in db.databases.values()]
    return [one for one in storages if hasattr(one, "is_closed")]


def are_connected(db: Any) -> bool:
    """Return whether a database and those beside it have their servers, as far as is known here."""
    return which_is_away(db) is None


def which_is_away(db: Any) -> str | None:
    """Return the database, of this one and those beside it, that is without its server, and why.

    None: they have them, as far as is known here.
    """
    for name, one in db.databases.items():
        if not getattr(one.storage, "is_connected", lambda: True)():
            client = getattr(getattr(one.storage, "_server", None), "client", None)
            silence = getattr(client, "silence", None)
            return silence or f"the connection to the server of database {name!r} is lost"
    return None


def server_sockets(dbs: Iterable[Any]) -> set[int]:
    """Return the descriptors of the connections to their servers that the clients of these use.

    A client lets go of one before it closes that.
    """
    dbs = list(dbs)
    storages = [getattr(one, "storage", None) for one in dbs]
    clients = [one._server.client for one in storages if isinstance(one, ClientStorage)]
    talks = [getattr(one.protocol, "sm_protocol", None) for one in clients]
    transports = [getattr(one, "transport", None) for one in talks]
    found = [one.get_extra_info("socket") for one in transports if one is not None]
    relational = [one for one in map(own_storage, dbs) if one is not None]
    return {one.fileno() for one in found if one is not None}.union(*map(sockets_of, relational))


def give_up(connection: Any, manager: Any) -> None:
    """Leave a connection of this manager's whose state somebody has changed: nobody gets it again.

    One that is open for somebody else is theirs now.
    """
    if connection.opened is not None and connection.transaction_manager is manager:
        manager.registerSynch(connection)  # closing it expects that
        connection.close()
    if connection.opened is None and is_usable(connection.db()):
        discard(connection)


@contextlib.contextmanager
def looking_once(connection: Any) -> Iterator[None]:
    """Look only once what others have committed, in the beginning of a transaction in this block.

    The end of the one before looks, too, as if nobody would begin another: at a relational database
    each look costs as much as an object.
    """
    connections = list(connection.connections.values())
    before = [(one, getattr(one, "explicit_transactions", False)) for one in connections]
    for one, _ in before:
        one.explicit_transactions = True
    try:
        yield
    finally:
        for one, is_explicit in before:
            one.explicit_transactions = is_explicit


def view_end(connection: Any) -> bytes | None:
    """Return the first transaction id that the connection's present transaction does not see.

    None where that is not known, as with a storage that has an MVCC of its own.
    """
    return getattr(connection._storage, "_start", None)


def changed_objects(connection: Any) -> list[Any]:
    """Return what was changed since the last commit, or since the last savepoint."""
    return list(connection._registered_objects)


def has_changes(connection: Any) -> bool:
    """Return whether the next commit of a connection would store anything."""
    earlier = connection._savepoint_storage
    return bool(connection._registered_objects or connection._added or earlier is not None)


def cached(connection: Any, oid: bytes) -> Any:
    """Return an object that the connection has in its cache, loaded or not; None otherwise."""
    return connection._cache.get(oid)


def ghost(connection: Any, oid: bytes, kind: Any) -> Any:
    """Return the object with this oid, not loaded, of a class that its record need not say.

    It takes the place of one of another class.
    """
    found = cached(connection, oid)
    if not isinstance(found, kind):
        if found is not None:
            del connection._cache[oid]
        found = kind.__new__(kind)
        connection._cache.new_ghost(oid, found)
    return found


def cache_size(connection: Any) -> int:
    """Return how many loaded objects a connection keeps for its next transaction."""
    return connection._cache.cache_size  # type: ignore[no-any-return]


def set_cache_size(connection: Any, count: int) -> None:
    """Let a connection keep ``count`` loaded objects for its next transaction."""
    connection._cache.cache_size = count
