"""Opening the databases of a home, and keeping up with what other processes committed."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import transaction
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.config import ZEOClient
from ZODB.FileStorage import FileStorage
from ZODB.FileStorage.FileStorage import FileStorageError
from ZODB.POSException import ConflictError, ReadOnlyError
from ZODB.utils import p64, u64

from zcasync.alone import Connection
from zcasync.errors import ConfigurationError, NotRunning, StorageAway
from zcasync.home import Home
from zcasync.invalidations import bound
from zcasync.missing import class_factory
from zcasync.sending import SendingTogether, sending_together
from zcasync.settings import ASYNC_DATABASE, Configuration, load

#: How often to try where other processes open a new database at the same time.
ROOT_TRIES = 9


def open_databases(home: Home, configuration: Configuration, timeout: float) -> DB:
    """The main database of a configuration; a second one is in its ``databases``.

    ``timeout``: seconds to wait for a database server.  Connections can be fenced.  Raises
    StorageAway when a server does not answer, ConfigurationError for what can never work.
    """
    if configuration.is_embedded:
        storage = _client(home, timeout)
        db = _first_of_several(lambda: DB(storage, class_factory=class_factory))
    else:
        db = _from_factories(configuration, timeout)
    return _at_once(db)


def _at_once(db: DB) -> DB:
    """Let the connections of a database and its companions commit at once, where that can be.

    And let none of them note without limit what others commit.
    """
    for one in db.databases.values():
        bound(one)
        if isinstance(one.storage, SendingTogether):
            one.klass = Connection
            for connection in one.pool:  # it has been used already, to look for the root
                connection.__class__ = Connection
    return db


def _first_of_several(make: Callable[[], DB]) -> DB:
    """Make a database.  Who opens a new one writes its root, and others may do that just now."""
    for _ in range(ROOT_TRIES):
        with contextlib.suppress(ConflictError):
            return make()
    return make()


def _client(home: Home, timeout: float) -> Any:
    path = os.fspath(home.zeo_socket)
    blobs = os.fspath(home.blobs)
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        try:
            client = SendingTogether(path, wait_timeout=left, blob_dir=blobs, shared_blob_dir=True)
        except ClientDisconnected as error:
            if time.monotonic() >= deadline:
                raise StorageAway(f"no database server answers at {path}") from error
            time.sleep(0.05)  # it has just ended while we came; the next one may be on its way
        else:
            return client


def server_addresses(db: DB) -> dict[str, Any] | None:
    """The ZEO servers of a database and its companions: name -> [addresses, storage name].

    None when one of them is no client of a server.
    """
    servers = {}
    for name, one in db.databases.items():
        if not isinstance(one.storage, ClientStorage):
            return None
        servers[name] = [one.storage._addr, one.storage._storage]
    return servers


def open_servers(servers: dict[str, Any], timeout: float) -> DB:
    """The databases that :func:`server_addresses` described; returns the main one."""
    databases: dict[str, DB] = {}
    for name, (addresses, storage) in servers.items():
        where = [tuple(address) if isinstance(address, list) else address for address in addresses]
        try:
            client = SendingTogether(where, storage=storage, wait_timeout=timeout)
        except ClientDisconnected as error:
            _close(databases)
            raise StorageAway(f"no database server answers at {where}") from error
        DB(client, database_name=name, databases=databases, class_factory=class_factory)
    return _at_once(next(db for name, db in databases.items() if name != ASYNC_DATABASE))


def _from_factories(configuration: Configuration, timeout: float) -> DB:
    databases: dict[str, DB] = {}
    factories = sorted(configuration.databases, key=lambda one: one.name == ASYNC_DATABASE)
    first = None
    for factory in factories:
        if factory.config.class_factory is None:
            factory.config.class_factory = class_factory
        try:
            opened = _first_of_several(partial(_open_one, factory, databases, timeout))
        except ClientDisconnected as error:
            _close(databases)
            raise StorageAway(
                f"the server of database {factory.name or 'main'!r} does not answer: {error}"
            ) from error
        except Exception as error:  # each storage has reasons of its own, a lock for instance
            _close(databases)
            raise ConfigurationError(
                f"database {factory.name or 'main'!r} cannot be opened: "
                f"{type(error).__name__}: {error}"
            ) from error
        first = first or opened
    assert first is not None
    return first


def _open_one(factory: Any, databases: dict[str, DB], timeout: float) -> DB:
    before, section = dict(databases), factory.config.storage
    try:
        factory.config.storage = _Opened(_open_storage(section, timeout))
        return factory.open(databases)  # type: ignore[no-any-return]
    except ConflictError:  # its storage is closed, but it is registered already
        databases.clear()
        databases.update(before)
        raise
    finally:
        factory.config.storage = section


@dataclass(frozen=True)
class _Opened:
    """Stands for a storage section whose storage has been opened."""

    storage: Any

    def open(self) -> Any:
        """The storage."""
        return self.storage


def _open_storage(section: Any, timeout: float) -> Any:
    """Open the storage of a section, waiting at most ``timeout`` for a ZEO server.

    ``<zeoclient>`` itself knows waiting for half a minute or not waiting, nothing else.
    """
    if isinstance(section, ZEOClient):
        section.config.wait = False
    storage = section.open()
    deadline = time.monotonic() + timeout
    while not getattr(storage, "is_connected", lambda: True)():
        if time.monotonic() > deadline:
            storage.close()
            raise ClientDisconnected(f"not within {timeout:g} s")
        time.sleep(0.01)
    return sending_together(storage)


def _close(databases: dict[str, DB]) -> None:
    for db in databases.values():
        db.close()


def manager_database(db: DB) -> DB:
    """The database that holds the data manager."""
    return db.databases.get(ASYNC_DATABASE, db)


def open_client(home_path: str | os.PathLike[str] | None = None, timeout: float = 10.0) -> DB:
    """A client of a home's database.  Raises NotRunning, StorageAway, ConfigurationError."""
    home = Home.find(home_path)
    home.require()
    configuration = load(home)
    if configuration.is_embedded and not is_served(home):
        raise not_running(home)
    return open_databases(home, configuration, timeout)


def is_served(home: Home) -> bool:
    """Whether a process listens for this home: its supervisor, or a database server left behind.

    A killed supervisor leaves its sockets there, so that they exist means nothing.  One that runs
    may be about to start its database server (again): then waiting for that makes sense.
    """
    sockets = (home.control_socket, home.zeo_socket)
    return any(_listens(socket.AF_UNIX, os.fspath(path)) for path in sockets)


def is_any_server_away(configuration: Configuration) -> bool:
    """Whether nobody listens, just now, where one of the configured ZEO servers should."""
    sections = [factory.config.storage for factory in configuration.databases]
    return any(
        isinstance(section, ZEOClient)
        and not any(_listens(server.family, server.address) for server in section.config.server)
        for section in sections
    )


def _listens(family: int, address: Any) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(address)
        except (TimeoutError, BlockingIOError):  # somebody has it, and is too busy to accept
            return True
        except PermissionError as error:
            raise ConfigurationError(
                f"{address} belongs to another user: be the one who runs the supervisor"
            ) from error
        except OSError:
            return False
    return True


def not_running(home: Home) -> NotRunning:
    """The error for a home whose database belongs to a supervisor that does not run."""
    return NotRunning(
        f"no supervisor serves {home.path}: start one with: zcasync run --home {home.path}"
    )


def open_for_reading(home: Home, timeout: float) -> DB:
    """As open_client, but reads the file storage itself while nobody serves the embedded default.

    Raises NotRunning when there is no file either.
    """
    try:
        return open_client(home.path, timeout)
    except NotRunning:
        if not load(home).is_embedded or not home.data_fs.exists():
            raise
    try:
        storage = FileStorage(os.fspath(home.data_fs), read_only=True)
    except FileStorageError as error:
        raise ConfigurationError(
            f"{home.data_fs} is no file storage: {type(error).__name__}; put a backup in its place"
        ) from error
    try:
        return DB(storage, class_factory=class_factory)
    except ReadOnlyError as error:
        storage.close()
        raise not_running(home) from error


def catch_up(db: DB, tid: bytes | None = None) -> None:
    """Make sure that the next transaction on ``db`` sees all that was committed before this call.

    ``tid``: or only what was committed up to this transaction.

    A message of another process can overtake the storage server's news of what that process
    committed.  ``lastTransaction`` does not tell either: a ZEO server, unless it is ours, may
    announce our own newer commit before somebody's older one.  A round trip to the server puts
    everything in order.
    """
    storage = db.storage
    if tid is not None and isinstance(storage, SendingTogether) and storage.has_heard_of(tid):
        return
    ping = getattr(storage, "ping", None)
    if ping is not None:
        ping()


def last_seen(connection: Any) -> bytes | None:
    """The id of the last transaction that the connection's present one sees, where one can know."""
    start = getattr(connection._storage, "_start", None)
    return None if start is None else p64(u64(start) - 1)


def commit(
    connection: Any, told: Callable[[bytes], None] | None = None
) -> tuple[bool, bytes | None]:
    """Commit; returns whether anything was written, and where it is known the transaction's id.

    ``told``: see :class:`zcasync.alone.Connection`; with any other one it is not called.
    """
    written, seen = list(connection._registered_objects), last_seen(connection)
    connection.told = told
    try:
        connection.transaction_manager.commit()
    finally:
        connection.told = None
    # An object whose conflict the server has resolved keeps its old serial until it is loaded.
    tid = max((obj._p_serial for obj in written), default=None)
    return bool(written), tid if seen is None or tid is None or tid > seen else None


def catch_up_all(db: DB, tid: bytes | None = None) -> None:
    """The same for ``db`` and its companions: what a job finds in all of them belongs together.

    ``tid`` is one of ``db``.
    """
    for one in db.databases.values():
        catch_up(one, tid if one is db else None)


@contextlib.contextmanager
def connected(db: DB) -> Iterator[Any]:
    """A connection of the data manager's database, in a transaction manager of its own."""
    manager = transaction.TransactionManager()
    connection = manager_database(db).open(transaction_manager=manager)
    try:
        yield connection
    finally:
        manager.abort()
        connection.close()
