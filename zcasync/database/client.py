"""Open a home's database as a client: of its server, or of its file where nobody serves."""

from __future__ import annotations

import os
import socket
from typing import Any

from ZODB import DB
from ZODB.config import ZEOClient
from ZODB.FileStorage import FileStorage
from ZODB.FileStorage.FileStorage import FileStorageError
from ZODB.POSException import ReadOnlyError

from zcasync.database.missing_classes import class_factory
from zcasync.database.opening import open_databases
from zcasync.errors import ConfigurationError, NotRunning
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, load


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
    return open_file_for_reading(home)


def open_file_for_reading(home: Home) -> DB:
    """Open the home's file storage; nobody may serve it.

    Raises NotRunning when nothing was ever stored in it, ConfigurationError when it is none.
    """
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
