"""Another user of the machine, who listens where he should not; tests that need him run as root."""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transaction
import ZEO.StorageServer
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from tests.support.become import become
from tests.support.other_users import BOB
from zcasync.testing.waiting import wait_until

STRANGER = BOB


@contextmanager
def stranger_at(path: Path, listen: Callable[[Path], None]) -> Iterator[int]:
    """A process of another user that listens at ``path``, for ever; its pid.

    ``listen`` has to make a socket there, and may import nothing new.
    """
    pid = os.fork()
    if not pid:
        try:
            become(STRANGER, ())
            os.umask(0)
            listen(path)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    try:
        wait_until(path.exists, "the stranger to listen")
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def echo(path: Path) -> None:
    """Be a server that notes whatever it is sent, beside its socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        early = path.with_name("early")
        listener.bind(str(early))
        listener.listen()
        early.rename(path)  # who sees it can connect
        while True:
            connected, _ = listener.accept()
            with connected, path.with_name("heard").open("ab") as notes:
                notes.write(connected.recv(1000) or b"")


class Trap:
    """Runs code where it is loaded: it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._mark),)


def trapped_database(mark: Path) -> Callable[[Path], None]:
    """What serves a database that runs code in whoever opens it: the folder ``mark`` is made."""

    def serve(path: Path) -> None:
        storage = MappingStorage()
        db = DB(storage)
        with db.transaction() as connection:
            connection.root()["trap"] = Trap(mark)
        transaction.abort()
        server = ZEO.StorageServer.StorageServer(str(path), {"1": storage})
        server.loop()

    return serve
