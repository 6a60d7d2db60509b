"""The socket of a server is its user's alone, and it says whom the place lets in besides him."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ZODB.FileStorage import FileStorage

from tests.support.other_users import ALICE, as_user, needs_root
from tests.support.umasks import umask
from zcasync.zeo.own_socket import warn_of_open_doors
from zcasync.zeo.server import Server


@contextmanager
def served(folder: Path, address: Any) -> Iterator[Server]:
    """A server of this process, for a storage in ``folder``."""
    server = Server(address, {"1": FileStorage(str(folder / "Data.fs"))})
    try:
        yield server
    finally:
        server.close()


@needs_root
def test_another_user_cannot_connect_whatever_umask_and_folder_allow(folder: Path) -> None:
    path = folder / "zeo.sock"

    def connect() -> None:
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(PermissionError):
            client.connect(str(path))

    with umask(0), served(folder, str(path)):
        folder.chmod(0o755)
        as_user(ALICE, connect)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.umask(0) == 0, "the umask stays as it was"


def warnings(address: Any, context: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said of a place."""
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        warn_of_open_doors(address, context)
    return caplog.messages


def test_a_folder_that_is_open_to_others_is_warned_of(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = str(folder / "zeo.sock")
    for mode, is_warned in ((0o700, False), (0o755, True), (0o770, True)):
        folder.chmod(mode)
        found = warnings(path, None, caplog)
        assert bool(found) is is_warned
        assert all(f"chmod 700 {folder}" in one for one in found)


@needs_root
def test_a_folder_of_another_user_is_warned_of(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o700)
    os.chown(folder, ALICE, ALICE)
    [found] = warnings(str(folder / "zeo.sock"), None, caplog)
    assert f"belongs to another user (uid {ALICE})" in found


def test_a_port_is_warned_of_unless_clients_have_certificates(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), served(folder, ("127.0.0.1", 0)) as server:
        [found] = [one for one in caplog.messages if "port" in one]
        assert f"port {server.addr[1]} of 127.0.0.1 can read and write the database" in found

    assert not warnings(("127.0.0.1", 1), ssl.create_default_context(), caplog)
