"""pyramid_zodbconn in a worker: it has the databases that are open, and a job's connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyramid_zodbconn
from pyramid.request import Request
from transaction import TransactionManager

from zcasync.errors import ConfigurationError
from zcasync.pyramid.databases import setting

#: What opens databases of its own: in a worker another function stands in its place.
OPENS_ITS_OWN = pyramid_zodbconn.includeme


class OpenDatabase:
    """The main database of a worker, as pyramid_zodbconn opens connections to it.

    For the request of a job that is the job's own connection.
    """

    def __init__(self, db: Any, current: threading.local) -> None:
        self._db = db
        self._current = current

    def open(self, transaction_manager: Any = None, **options: Any) -> Any:
        """Return the job's connection; for any other request one of its own, which that closes."""
        connection = getattr(self._current, "connection", None)
        if connection is not None:
            return connection
        return self._db.open(transaction_manager=transaction_manager, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class OpenDatabases:
    """The databases of a worker, in place of those that pyramid_zodbconn would open again."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._current = threading.local()
        self._is_included = False

    def use(self) -> None:
        """Let ``config.include("pyramid_zodbconn")`` have them, from now on in this process."""

        def includeme(config: Any) -> None:
            OPENS_ITS_OWN(config, db_from_uri=self._opened)
            self._is_included = True

        pyramid_zodbconn.includeme = includeme

    def _opened(self, uri: str, name: str, databases: dict[str, Any]) -> Any:
        """Return the database of a name, as pyramid_zodbconn's ``db_from_uri``."""
        if not name:
            databases[name] = OpenDatabase(self._process.database, self._current)
        elif name in self._process.databases:
            databases[name] = self._process.databases[name]
        else:
            raise ConfigurationError(
                f"the application names a database by {setting(name)}, which the worker does not "
                "have: say so in the ini file, where the worker looks, or in its etc/zcasync.conf"
            )
        return databases[name]

    @contextmanager
    def connected(self, request: Any, connection: Any) -> Iterator[None]:
        """Let ``get_connection(request)`` return a job's connection, which nobody closes.

        Subscribers are told when it is there and when it goes, as in a request.
        """
        if not self._is_included:
            yield
            return
        main = connection.get_connection(self._process.database.database_name)
        self._current.connection = main
        try:
            pyramid_zodbconn.get_connection(request)
            request.finished_callbacks.pop()  # which closes it
        finally:
            self._current.connection = None
        try:
            yield
        finally:
            request.registry.notify(pyramid_zodbconn.ZODBConnectionWillClose(main, request))


def is_worker() -> bool:
    """Return whether this process has its databases from a worker."""
    return pyramid_zodbconn.includeme is not OPENS_ITS_OWN


def database_of(registry: Any) -> Any:
    """Return the main database of an application: a ``ZODB.DB``.

    Raises ``pyramid.exceptions.ConfigurationError`` where pyramid_zodbconn is not included.
    """
    request = Request.blank("/")
    request.registry = registry
    request.tm = TransactionManager()
    connection = pyramid_zodbconn.get_connection(request)
    try:
        return connection.db()
    finally:
        connection.close()
