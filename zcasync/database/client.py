"""A home's database for a client: through its server, or its file where no process serves it."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.FileStorage.FileStorage import FileStorageError
from ZODB.POSException import ReadOnlyError

from zcasync.database.missing_classes import make_database
from zcasync.database.opening import open_databases
from zcasync.errors import ConfigurationError, NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.lock import has_holder
from zcasync.instance.settings import Configuration, load
from zcasync.unix_sockets import require_trusted_folder, require_trusted_peer
from zcasync.zeo.sections import is_client_section

#: After so long, and twice as long each time, a client that waits for its server looks whether any
#: process of the home is left: a supervisor that was killed listens until the kernel has ended it.
FIRST_PATIENCE_SECONDS = 2.0


def open_client(home_path: str | os.PathLike[str] | None = None, timeout: float = 10.0) -> DB:
    """Open a home's database as a client.  Raises NotRunning, StorageAway, ConfigurationError."""
    home = Home.find(home_path)
    home.require()
    configuration = load(home)
    if not configuration.is_embedded:
        return open_databases(home, configuration, timeout)
    deadline, patience = time.monotonic() + timeout, FIRST_PATIENCE_SECONDS
    while True:
        if not is_served(home):
            raise not_running(home)
        left = max(0.0, deadline - time.monotonic())
        try:
            return open_databases(home, configuration, min(left, patience))
        except StorageAway:
            if time.monotonic() >= deadline:
                raise
        patience *= 2


def is_served(home: Home) -> bool:
    """Return whether a process listens for this home: a supervisor, or an orphaned server.

    A killed supervisor leaves its sockets in place, so their existence proves nothing.  A running
    supervisor may be about to start its database server (again), or to make sockets anew that were
    removed: then the client should wait.
    Raises ConfigurationError where another user's process listens, or could.
    """
    sockets = (home.control_socket, home.zeo_socket)
    is_listening = any(_listens(socket.AF_UNIX, os.fspath(path), home.owner) for path in sockets)
    return is_listening or has_holder(home)


def is_any_server_away(configuration: Configuration) -> bool:
    """Return whether one of the configured ZEO servers does not listen just now."""
    sections = [factory.config.storage for factory in configuration.databases]
    return any(
        is_client_section(section)
        and not any(_listens(server.family, server.address) for server in section.config.server)
        for section in sections
    )


def _listens(family: int, address: Any, owner: int | None = None) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if family == socket.AF_UNIX:
            require_trusted_folder(address, owner)
        try:
            probe.connect(address)
            if family == socket.AF_UNIX:
                require_trusted_peer(probe, address, owner)
        except (TimeoutError, BlockingIOError):  # a process has it, and is too busy to accept
            return True
        except PermissionError as error:
            raise ConfigurationError(
                f"{address} belongs to another user: be the one who runs the supervisor"
            ) from error
        except OSError:
            return False
    return True


def not_running(home: Home) -> NotRunning:
    """Return the error for a home whose database belongs to a supervisor that does not run."""
    return NotRunning(
        f"no supervisor serves {home.path}: start one with: zcasync run --home {home.path}"
    )


def open_for_reading(home: Home, timeout: float) -> DB:
    """Open as open_client does; read the embedded default's file itself while none serves it.

    Raises NotRunning when there is no file either.
    """
    try:
        return open_client(home.path, timeout)
    except NotRunning:
        if not load(home).is_embedded or not home.data_fs.exists():
            raise
    return open_file_for_reading(home)


def open_file_for_reading(home: Home) -> DB:
    """Open the home's file storage, which no server may have open.

    Raises NotRunning when nothing was ever stored in it, ConfigurationError when it is none.
    """
    try:
        storage = FileStorage(os.fspath(home.data_fs), read_only=True)
    except FileStorageError as error:
        raise ConfigurationError(
            f"{home.data_fs} is no file storage: {type(error).__name__}; put a backup in its place"
        ) from error
    try:
        return make_database(storage)
    except ReadOnlyError as error:
        storage.close()
        raise not_running(home) from error
