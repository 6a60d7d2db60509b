"""A real supervisor for tests: a process of its own, with children, on the home of a test."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import transaction

import zcasync
from zcasync.database.sync import manager_database
from zcasync.datamanager import DataManager, Worker, find
from zcasync.instance.home import Home
from zcasync.instanceuuid import readUUID
from zcasync.partial import Partial
from zcasync.testing.process import SupervisorProcess
from zcasync.testing.waiting import wait_for_result, wait_until

#: The configuration of a home that has none: a short grace period, so that tests end quickly.
CONFIG = """\
<zcasync>
  grace-period 5
</zcasync>
"""


class Supervisor(SupervisorProcess):
    """A supervisor process and a client of its database; ``start`` it, and ``stop`` it in the end.

    ``home``: a folder, made when missing; a short path, since it holds unix sockets.  ``children``:
    how many jobs at once; None: as stored in the database.  ``config``: the text of its
    ``etc/zcasync.conf``.  ``import_path``: where children import from; None: where this process
    does.  ``connection``, and so all that is found through it, belongs to this thread's
    ``transaction.manager``.  The supervisor ends with the thread that has started it (Linux).
    """

    def __init__(
        self,
        home: str | os.PathLike[str],
        *,
        children: int | None = 1,
        config: str = CONFIG,
        import_path: Iterable[str | os.PathLike[str]] | None = None,
    ) -> None:
        paths = sys.path if import_path is None else import_path
        super().__init__(Path(home), children, Path(home).absolute() / "log" / "output.txt", paths)
        self._connection: Any = None
        found = Home.named(self.home)
        found.create()
        found.config_file.write_text(config)

    def stop(self) -> None:
        """Stop it gracefully.  Where it has died already, waits for what it had started.

        Raises AssertionError, with its output and its log, when it does not end in time or not with
        exit code 0; then it is killed with all that it has started.
        """
        self.close()
        was_alive = self.is_alive
        self.end_family(signal.SIGTERM)
        code = self.process.returncode if self.process is not None and was_alive else 0
        assert code == 0, f"the supervisor ended with {code}\n{self.evidence()}"

    def kill(self) -> None:
        """Send SIGKILL, to end it as a crash would, and wait until it and its children are gone."""
        self.close()
        self.end_family(signal.SIGKILL)

    @property
    def connection(self) -> Any:
        """A connection to its main database.  Raises NotRunning while it does not run."""
        if self._connection is None:
            self._connection = zcasync.open(self.home).open()
        return self._connection

    @property
    def data_manager(self) -> DataManager:
        """The data manager, through that connection."""
        name = manager_database(self.connection.db()).database_name
        found = find(self.connection.get_connection(name))
        assert found is not None, f"no data manager in the database of {self.home}"
        return found

    @property
    def worker(self) -> Worker:
        """The worker of this home: its sizes, its UUID, what it has completed."""
        found = readUUID(self.home)
        assert found is not None, f"{self.home} has no UUID: no supervisor has run there"
        return self.data_manager.workers[UUID(bytes=found.bytes)]

    def put(self, call: Any, *args: Any, queue: str = "thread", **options: Any) -> Partial:
        """Put a call in a queue and commit; return its partial."""
        call = Partial(call, *args) if args else call
        partial = self.data_manager.queue(queue).put(call, **options)
        transaction.commit()
        return partial

    def wait_for_result(self, partial: Partial, seconds: float = 30.0) -> Any:
        """Return the result of a partial, waiting for it.

        Raises AssertionError, with what was seen and the log, when it is not there in time or the
        supervisor has ended.
        """

        def look() -> None:
            assert self.is_alive, "the supervisor has ended"

        try:
            return wait_for_result(partial, turn=look, seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.evidence()}") from None

    def wait_until(
        self, condition: Callable[[], Any], what: str = "the condition", seconds: float = 30.0
    ) -> Any:
        """Return the first true value of ``condition()``, called in a new transaction each time.

        Raises AssertionError, with the output and the log, when there is none in time.
        """

        def look() -> Any:
            if self._connection is not None:
                transaction.begin()
            return condition()

        return wait_until(look, what, seconds, self.evidence)

    def close(self) -> None:
        """Close the connection; what was found through it cannot be used any more."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            databases = list(connection.db().databases.values())
            transaction.abort()
            connection.close()
            for db in databases:
                db.close()
