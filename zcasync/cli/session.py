"""The database of a home, used in a thread of its own: a frozen server blocks no command."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, ClassVar, TypeVar

from zcasync import import_path
from zcasync.errors import ConfigurationError, NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.stopped import stopped_server, stopped_supervisor

T = TypeVar("T")

#: The storage's own timeout ends a little before ours: its error names what it waited for.
INNER_SHARE = 0.9
CLOSE_SECONDS = 2.0
#: The number of tries when other commits were first.
CONFLICT_TRIES = 8


class Session:
    """A connection that is used in one other thread only.

    A ZEO client waits for a frozen server for ever, whatever its timeouts say, so all that touches
    the storage happens in a daemon thread that can be left behind.
    """

    #: True while a thread is left behind in the storage: the process must end without it.
    is_any_stuck: ClassVar[bool] = False

    def __init__(self, home: Home, timeout: float, opener: Callable[[Home, float], Any]) -> None:
        self._home = home
        self._timeout = timeout
        self._opener = opener
        self._stack = ExitStack()
        self._connection: Any = None
        self._is_stuck = False
        self._errands: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._serve, name="database", daemon=True).start()

    def do(self, work: Callable[[Any, Any], T]) -> T:
        """Call ``work(connection, data manager)`` in a new transaction, which it commits itself.

        Both are None when nothing was ever stored, the manager alone where none is installed.
        Raises StorageAway when the timeout passes, and what opening the database or the work
        raises.
        """
        return self._wait_for(lambda: self._work(work), self._timeout)

    def change(
        self,
        work: Callable[[Any, Any], T],
        is_there: Callable[[Any, Any, T], bool],
        tries: int = CONFLICT_TRIES,
    ) -> T:
        """Do the work as ``do`` does, and commit it, once; return what it returns.

        It is done again when another commit was first, ``tries`` times in all, and when the storage
        was away, all within the timeout.  ``is_there(connection, data manager, made)`` tells about
        a commit whose answer was lost whether the work that returned ``made`` is stored.  Raises as
        :func:`zcasync.database.commit_once.commit_once` does.
        """
        from zcasync.database.commit_once import commit_once
        from zcasync.database.waiting import LimitedWait
        from zcasync.datamanager import find
        from zcasync.salvage.salvage import despite_damage

        def change(connection: Any, manager: Any) -> T:
            return commit_once(
                connection.transaction_manager,
                lambda: despite_damage(connection, lambda: work(connection, find(connection))),
                lambda made: is_there(connection, find(connection), made),
                tries=tries,
                storage_lost=LimitedWait(connection.db(), self._timeout),
            )

        return self.do(change)

    def begin(self, work: Callable[[Any, Any], T]) -> Future[T]:
        """Begin the work as ``do`` does, without waiting: for work that takes long."""
        future: Future[T] = Future()
        self._errands.put((future, lambda: self._work(work)))
        return future

    def leave(self) -> None:
        """Leave behind what has begun: the process is to end without waiting for it."""
        self._is_stuck = Session.is_any_stuck = True

    def close(self) -> None:
        """Close the database; one that does not answer is left behind."""
        if not self._is_stuck:
            with suppress(StorageAway):
                self._wait_for(self._stack.close, CLOSE_SECONDS)

    def _wait_for(self, errand: Callable[[], T], seconds: float) -> T:
        future: Future[T] = Future()
        self._errands.put((future, errand))
        try:
            return future.result(seconds)
        except BaseException as error:  # KeyboardInterrupt too: the thread may be in the storage
            if future.done():
                raise
            self.leave()
            if isinstance(error, TimeoutError):
                raise StorageAway(
                    f"the database of {self._home.path} did not answer within {seconds:g} s: its "
                    "server is frozen or busy; --timeout SECONDS waits longer"
                ) from None
            raise

    def _serve(self) -> None:
        while True:
            future, errand = self._errands.get()
            try:
                future.set_result(errand())
            except BaseException as error:  # raised again in the thread that waits for it
                future.set_exception(error)

    def _work(self, work: Callable[[Any, Any], T]) -> T:
        from zcasync.database.no_imports import load_by_name
        from zcasync.database.sync import catch_up, connected
        from zcasync.datamanager import find
        from zcasync.salvage.salvage import despite_damage

        if self._connection is None:
            db = self._opener(self._home, INNER_SHARE * self._timeout)
            if db is None:
                return work(None, None)
            load_by_name(db)
            self._stack.callback(_close_all, db)
            self._connection = self._stack.enter_context(connected(db))
        catch_up(self._connection.db())
        self._connection.transaction_manager.begin()
        here = self._connection
        return despite_damage(here, lambda: work(here, find(here)))


def _close_all(db: Any) -> None:
    for one in list(db.databases.values()):
        one.close()


def _open_to_read(home: Home, timeout: float, patience: float | None = None) -> Any:
    """Return a database to read; None when nothing was ever stored."""
    from ZODB.POSException import StorageError

    from zcasync.cli.opening import require_quick
    from zcasync.database.client import is_served, open_for_reading
    from zcasync.instance.settings import load

    home.require()
    configuration = load(home)
    import_path.add(configuration.settings.import_path)
    if configuration.is_embedded and not is_served(home):
        if not home.data_fs.exists():
            return None
        require_quick(home, timeout if patience is None else patience)
    try:
        return open_for_reading(home, timeout)
    except (OSError, StorageError) as error:
        raise ConfigurationError(
            f"the database of {home.path} cannot be read: {type(error).__name__}: {error}"
        ) from error


def _open_to_write(home: Home, timeout: float) -> Any:
    from zcasync.database.client import open_client
    from zcasync.instance.settings import load

    import_path.add(load(home).settings.import_path)
    return open_client(home.path, timeout)


def require_awake(home: Home) -> None:
    """Raise StorageAway where a signal has stopped a supervisor and its database server, too.

    A server that alone is stopped may be continued soon, and is waited for.
    """
    told = stopped_supervisor(home) and stopped_server(home)
    if told:
        raise StorageAway(told)


@contextmanager
def reading(home: Home, timeout: float, patience: float | None = None) -> Iterator[Session]:
    """Provide a session that only reads, with or without a supervisor.

    Its work raises StorageAway where no process serves the embedded default and opening it would
    take longer than ``patience`` seconds (None: the timeout).
    """
    session = Session(home, timeout, partial(_open_to_read, patience=patience))
    try:
        yield session
    finally:
        session.close()


@contextmanager
def writing(home: Home, timeout: float) -> Iterator[Session]:
    """Provide a session that may commit; its work raises NotRunning without a supervisor."""
    session = Session(home, timeout, _open_to_write)
    try:
        yield session
    finally:
        session.close()


def require_manager(home: Home, manager: Any) -> Any:
    """Return the manager.  Raises NotRunning where no supervisor has installed one yet."""
    if manager is None:
        raise NotRunning(
            "this database has no data manager yet: start a supervisor once, with: "
            f"zcasync run --home {home.path}"
        )
    return manager
