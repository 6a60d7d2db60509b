"""Reading a home's database again and again, while its server comes and goes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

from transaction.interfaces import TransientError
from ZODB.POSException import StorageError

from zcasync.cli.session import Session, reading
from zcasync.database.client import is_served
from zcasync.errors import NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.settings import load
from zcasync.reports.commits import Commits

T = TypeVar("T")

#: The errors after which the database may be there again later.
AWAY = (NotRunning, StorageAway, StorageError, TransientError)

Heard = list[frozenset[bytes]] | None


class Following:
    """A session that is opened anew when a database server of the home's own comes or goes."""

    def __init__(self, home: Home, timeout: float) -> None:
        self._home = home
        self._timeout = timeout
        self._is_embedded = load(home).is_embedded
        self._was_served = False
        self._stack = ExitStack()
        self._session: Session | None = None
        self._commits: Commits | None = None
        self._is_over = threading.Event()

    def do(self, work: Callable[[Any, Any, Heard], T]) -> T:
        """Call ``work(connection, manager, heard)`` as ``Session.do`` does.

        ``heard``: the oids of each commit since the last call; None: not known.  Raises one of
        AWAY while the database is away.
        """

        def listening(connection: Any, manager: Any) -> T:
            if self._commits is None and connection is not None:
                self._commits = self._stack.enter_context(Commits(connection.db()))
                connection.transaction_manager.begin()
                return work(connection, manager, None)
            return work(connection, manager, heard)

        session = self._open()
        heard = None if self._commits is None else self._commits.take()
        return session.do(listening)

    def _open(self) -> Session:
        served = not self._is_embedded or is_served(self._home)
        if self._session is None or served != self._was_served:
            self._stack.close()
            self._commits = None
            self._session = self._stack.enter_context(reading(self._home, self._timeout))
            self._was_served = served
        return self._session

    def wait(self, seconds: float, least: float = 0.0) -> None:
        """Wait for a commit, but no longer than ``seconds``, and ``least`` in any case."""
        if not self._is_over.wait(least):
            if self._commits is None:
                self._is_over.wait(seconds - least)
            else:
                self._commits.wait(seconds - least)

    def stop(self) -> None:
        """End a ``wait``, in any thread."""
        self._is_over.set()
        commits = self._commits
        if commits is not None:
            commits.invalidate_all()

    @property
    def is_over(self) -> bool:
        """Whether ``stop`` was called."""
        return self._is_over.is_set()

    def leave(self) -> None:
        """Leave a database behind that does not answer: the process is to end without it."""
        if self._session is not None:
            self._session.leave()

    def close(self) -> None:
        """Close the database."""
        self._stack.close()
