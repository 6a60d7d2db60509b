"""The databases of a supervisor: their server, where that is its own; opened, packed and closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from zcasync.database.opening import open_databases
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration
from zcasync.supervisor.database_thread import DatabaseThread
from zcasync.supervisor.zeo_server.pack_schedule import PackSchedule
from zcasync.supervisor.zeo_server.process import ServerProcess, replace_left_behind

log = Logger()


class SupervisorDatabases:
    """The databases that a supervisor works with; ``main`` is there once they are open.

    ``changed(error)`` is called where the file of its own server was replaced or removed.
    """

    def __init__(
        self,
        reactor: Any,
        home: Home,
        configuration: Configuration,
        changed: Callable[[BaseException], None],
    ) -> None:
        self.main: Any = None
        self.server: ServerProcess | None = None
        self._reactor = reactor
        self._home = home
        self._configuration = configuration
        self._changed = changed
        self._opener = DatabaseThread(reactor, "opener")

    @property
    def server_pid(self) -> int | None:
        """The process of the embedded default's database server, while it runs."""
        return None if self.server is None else self.server.pid

    @inlineCallbacks
    def open(self, parts: list[Callable[[], Any]], close_seconds: Callable[[], float]) -> Any:
        """Start the server, if it is ours, and open them; add to ``parts`` what stops each.

        ``close_seconds()`` returns how long they may take to close.  Fails with ConfigurationError
        or StorageAway.
        """
        if self._configuration.is_embedded:
            yield self._opener.run(replace_left_behind, self._home)
            self.server = ServerProcess(
                self._reactor, self._home, self._configuration.settings, self._changed
            )
            parts.append(self.server.stop)
            yield self.server.start()
        timeout = self._configuration.settings.storage_timeout
        opening = self._opener.run(open_databases, self._home, self._configuration, timeout)
        self.main = yield opening
        parts.append(lambda: self._close(close_seconds()))

    def start_packing(self, parts: list[Callable[[], Any]]) -> None:
        """Pack in time; not before the engine has registered, which refuses a foreign database."""
        days = self._configuration.settings.pack_days
        packer = DatabaseThread(self._reactor, "packer")
        packing = PackSchedule(self._reactor, self._home, self.main, days, packer)
        parts.append(packing.stop)
        packing.start()

    def _close(self, seconds: float) -> Deferred[Any]:
        """Close them in a thread, and do not wait long: a storage that is away takes its time."""
        databases = list(self.main.databases.values())
        closing = self._opener.run(lambda: [db.close() for db in databases])
        return closing.addTimeout(seconds, self._reactor).addErrback(
            lambda failure: log.warn("a database did not close in time")
        )
