"""A PostgreSQL server with RelStorage's tables."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import psutil

from tests.chaos.points import SERVER_VARIABLE
from tests.integrations.relstorage.homes import opened, section
from tests.support.postgres import Postgres
from zcasync.audit.inspection import inspect
from zcasync.database.sync import connected
from zcasync.datamanager import find

DATABASE = "chaos"


class PostgresServer:
    """Its first process and its backends are killed and frozen one by one.

    Where one backend dies, PostgreSQL ends all and recovers; where the first process dies, the
    backends follow it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "postgres"
        self._folder.mkdir()
        folder.chmod(0o711)  # root starts PostgreSQL as another user
        self._server = Postgres(self._folder)
        self.config = section(self._server.dsn(DATABASE))
        # Whoever springs a trap that is the server's needs it: nothing of ours runs in PostgreSQL.
        os.environ[SERVER_VARIABLE] = str(self._folder / "data" / "postmaster.pid")

    @property
    def pid(self) -> int:
        """Of the first process."""
        return self._server.pid

    @property
    def is_alive(self) -> bool:
        return self._server.is_alive

    def start(self) -> PostgresServer:
        """Start it, with an empty database the first time."""
        self._server.start()
        self._server.make_database(DATABASE)
        with opened(self._server.dsn(DATABASE), keep_history=True):
            pass  # its tables are there
        return self

    def launch(self) -> None:
        """End what is left of the one that has died, which would be in the way, and start it."""
        for process in self._left():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self._left(), 30)
        self._server.start()

    def stop(self) -> None:
        """Stop it.  Safe to repeat."""
        self._server.stop()
        os.environ.pop(SERVER_VARIABLE, None)

    def processes(self) -> list[psutil.Process]:
        """The first one, and the backends that serve connections."""
        if not self.is_alive:
            return []
        found = [psutil.Process(self.pid)]
        for one in found[0].children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if f" {DATABASE} " in f"{' '.join(one.cmdline())} ":
                    found.append(one)
        return found

    def problems(self) -> list[str]:
        """What the audit says."""
        self._server.start()
        try:
            return _findings(self._server.dsn(DATABASE))
        finally:
            self._server.stop()

    def _left(self) -> list[psutil.Process]:
        """The processes whose working folder are its data."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cwd() == str(self._folder / "data"):
                    found.append(process)
        return found


def _findings(dsn: str) -> list[str]:
    read_only = {"read_only": True, "create_schema": False, "keep_history": True}
    with opened(dsn, **read_only) as db, connected(db) as connection:
        manager = find(connection)
        assert manager is not None
        return [str(one) for one in inspect(connection, manager).findings]
