"""Opening the databases of a home, or those that an application's databases are clients of."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.config import ZEOClient
from ZODB.POSException import ConflictError

from zcasync.allowed import allow_only
from zcasync.database.commit_once import OwnTransactions, commit_once
from zcasync.database.missing_classes import class_factory, make_database
from zcasync.database.sync import mark_main
from zcasync.errors import ConfigurationError, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.main_database import name_of
from zcasync.instance.settings import ASYNC_DATABASE, Configuration
from zcasync.relstorage import opening as relational
from zcasync.relstorage.adoption import adopt
from zcasync.relstorage.opening import CannotBeOpened
from zcasync.relstorage.ring import ring_commits
from zcasync.unix_sockets import require_trusted_folder
from zcasync.zeo.blobs import GIVE_ONE
from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.client_options import open_client
from zcasync.zeo.connections import use_class
from zcasync.zeo.fenced import fenced_class
from zcasync.zeo.heartbeat import watch_servers
from zcasync.zeo.history import compare_at_connect
from zcasync.zeo.invalidations import bound
from zcasync.zeo.older import open_section
from zcasync.zeo.one_phase import OnePhaseConnection
from zcasync.zeo.peers import why_not_connected
from zcasync.zeo.sections import (
    is_client_section,
    lacks_blob_dir,
    open_client_section,
    open_ports_of,
)
from zcasync.zeo.tls_refusals import why_refused

#: The number of tries where other processes open a new database at the same time.
ROOT_TRIES = 10
#: The pause before another look for a server that is away.
PAUSE_SECONDS = 0.05


def open_databases(home: Home, configuration: Configuration, timeout: float) -> DB:
    """Open the databases of a configuration; return the main one, with all in ``databases``.

    ``timeout``: seconds to wait for a database server.  Connections can be fenced.  Raises
    StorageAway when a server does not answer, ConfigurationError for what can never work.
    """
    if configuration.is_embedded:
        storage = _client(home, timeout)
        try:
            db = _first_of_several(lambda: make_database(storage), timeout)
        except ClientDisconnected as error:
            storage.close()
            raise StorageAway(f"the database server does not answer: {error}") from error
    else:
        db = _from_factories(configuration, timeout)
    apply_settings(db, configuration, home)
    return _prepared(db)


def apply_settings(db: DB, configuration: Configuration, home: Home) -> None:
    """Let the settings for databases hold for one and its companions.

    Only those callables may be put and called that are allowed, and a server that is gone is
    noticed.
    """
    settings = configuration.settings
    if settings.allow:
        allow_only(db, *settings.allow, source=f"the setting allow of {home.path}")
    watch_servers(db, settings.zeo_heartbeat)


def _prepared(db: DB) -> DB:
    """Let connections of a database and its companions be fenced, and commit in one phase.

    The latter where the storage can.  None of them notes without limit what others commit, and none
    goes on when another history is behind its server's address.
    """
    compare_at_connect(db)
    adopt(db)
    for one in db.databases.values():
        bound(one)
        ring_commits(one)
        is_ours = isinstance(one.storage, PipelinedClientStorage)
        use_class(one, OnePhaseConnection if is_ours else fenced_class(one.klass))
    return db


def _first_of_several(make: Callable[[], DB], timeout: float) -> DB:
    """Make a database.  Opening a new one writes its root, and others may do that just now.

    Whether it is written needs no other question than being opened again.
    """
    deadline = time.monotonic() + timeout

    def wait(error: BaseException) -> None:
        if time.monotonic() >= deadline:
            raise error
        time.sleep(PAUSE_SECONDS)

    return commit_once(
        OwnTransactions(), make, lambda db: True, tries=ROOT_TRIES, storage_lost=wait
    )


def _client(home: Home, timeout: float) -> Any:
    blobs = os.fspath(home.blobs)
    deadline = time.monotonic() + timeout
    while True:
        left = max(0.0, deadline - time.monotonic())
        path = os.fspath(home.zeo_socket)
        require_trusted_folder(path, home.owner)
        try:
            client = PipelinedClientStorage(
                path,
                wait_timeout=left,
                blob_dir=blobs,
                shared_blob_dir=True,
                locate=lambda: os.fspath(home.zeo_socket),
                owner=home.owner,
            )
        except ClientDisconnected as error:
            if time.monotonic() >= deadline:
                raise StorageAway(f"no database server answers at {path}") from error
            time.sleep(PAUSE_SECONDS)  # it has just ended; the next one may be starting
        else:
            return client


def doubts(configuration: Configuration) -> list[str]:
    """Return what is to be said of a configuration's ZEO clients, though they work.

    Anybody can connect to the server of one, or it can store no blobs.
    """
    return [
        f"database {name_of(factory) or 'main'!r}: {doubt}"
        for factory in configuration.databases
        for doubt in (*open_ports_of(factory.config.storage), *_no_blobs(factory))
    ]


def _no_blobs(factory: Any) -> list[str]:
    """Say where a client has no place for blobs; none are put beside the data manager."""
    is_told = name_of(factory) != ASYNC_DATABASE and lacks_blob_dir(factory.config.storage)
    return [f"its client can neither store blobs nor load them: {GIVE_ONE}"] if is_told else []


def open_servers(servers: dict[str, Any], timeout: float, main: str | None = None) -> DB:
    """Open the databases that :func:`zcasync.database.inherited.servers_of` described.

    Return the one that is named ``main``, else the first that is not that of the queues alone.
    """
    databases: dict[str, DB] = {}
    for name, (addresses, storage, *options) in servers.items():
        where = [tuple(address) if isinstance(address, list) else address for address in addresses]
        of_client, of_db = options or ({}, {})
        given = {"wait_timeout": timeout, **of_client}
        try:
            client = _connected(open_client(where, storage, given), timeout)
        except ClientDisconnected as error:
            _close(databases)
            raise StorageAway(f"no database server answers at {where}: {error}") from error
        make_database(client, database_name=name, databases=databases, **of_db)
    if main is None:
        main = next(name for name in databases if name != ASYNC_DATABASE)
    mark_main(databases[main])
    return _prepared(databases[main])


def _from_factories(configuration: Configuration, timeout: float) -> DB:
    databases: dict[str, DB] = {}
    main = configuration.main_database
    for factory in configuration.databases:
        try:
            opened = _first_of_several(partial(_open_one, factory, databases, timeout), timeout)
        except ClientDisconnected as error:
            _close(databases)
            raise StorageAway(
                f"the server of database {name_of(factory) or 'main'!r} does not answer: {error}"
            ) from error
        except CannotBeOpened as error:
            _close(databases)
            raise ConfigurationError(
                f"database {name_of(factory) or 'main'!r} cannot be opened: {error}"
            ) from error
        except Exception as error:  # each storage has reasons of its own, a lock for instance
            _close(databases)
            raise ConfigurationError(
                f"database {name_of(factory) or 'main'!r} cannot be opened: "
                f"{type(error).__name__}: {error}"
            ) from error
        if factory is main:
            mark_main(opened)
    return databases[name_of(main)]


def _open_one(factory: Any, databases: dict[str, DB], timeout: float) -> DB:
    before, section = dict(databases), factory.config.storage
    try:
        factory.config.storage = _Opened(_open_storage(section, timeout))
        return open_section(factory, databases, class_factory)
    except (ConflictError, ClientDisconnected):  # the storage is closed, but still registered
        databases.clear()
        databases.update(before)
        raise
    finally:
        factory.config.storage = section


@dataclass(frozen=True)
class _Opened:
    """A stand-in for a storage section whose storage has been opened."""

    storage: Any

    def open(self) -> Any:
        """Return the storage."""
        return self.storage


def _open_storage(section: Any, timeout: float) -> Any:
    """Open the storage of a section, waiting at most ``timeout`` for a ZEO server.

    ``<zeoclient>`` itself can only wait for half a minute or not at all.
    """
    if relational.is_section(section):
        return relational.open_section(section, timeout)
    if isinstance(section, ZEOClient):
        section.config.wait = False
    is_ours = is_client_section(section)
    storage = open_client_section(section, wait=False) if is_ours else section.open()
    return _connected(storage, timeout)


def _connected(storage: Any, timeout: float) -> Any:
    """Return a storage once it is connected.  Raises ClientDisconnected, when it is closed."""
    deadline = time.monotonic() + timeout
    while not getattr(storage, "is_connected", lambda: True)():
        if time.monotonic() > deadline:
            raise ClientDisconnected(_closed_because(storage) or f"not within {timeout:g} s")
        time.sleep(0.01)
    return storage


def _closed_because(storage: Any) -> str | None:
    """Close a ZEO client that is not connected; return why it is not, where that is known."""
    try:
        return why_refused(storage) or why_not_connected(storage)
    finally:
        storage.close()


def _close(databases: dict[str, DB]) -> None:
    for db in databases.values():
        db.close()
