"""Subscribers: install the data manager when a database is opened, and an engine in this process.

Register them with ``zope.component.provideHandler``, or in ZCML as ``<subscriber handler=.../>``.
"""

from __future__ import annotations

import weakref
from typing import Any

import transaction
from twisted.logger import Logger
from zope.component import adapter, getGlobalSiteManager
from zope.event import notify
from zope.processlifetime import IDatabaseOpened

from zcasync.database.commit_once import commit_once
from zcasync.database.sync import mark_first
from zcasync.database.waiting import LimitedWait
from zcasync.datamanager import find, find_near, install
from zcasync.instanceuuid import getUUID
from zcasync.interfaces import (
    ASYNC_DATABASE,
    IUUID,
    DataManagerAvailable,
    IDataManagerAvailableEvent,
)

__all__ = [
    "InstallTwistedEngine",
    "InstallerAndNotifier",
    "basicInstallerAndNotifier",
    "installTwistedEngine",
    "installerAndNotifier",
]

log = Logger()

#: An installation that conflicts with another process's is tried at most this often.
TRIES = 10
#: It waits this long for a storage that is away, seconds.
PATIENCE = 30.0


class InstallerAndNotifier:
    """A subscriber to IDatabaseOpened: installs a data manager and notifies DataManagerAvailable.

    ``db_name``: keep it in the database of that name, with a reference in the root of the one that
    was opened; None: in the same.  Safe to repeat; the notification comes each time.
    """

    def __init__(self, db_name: str | None = None) -> None:
        self.db_name = db_name
        adapter(IDatabaseOpened)(self)

    def __call__(self, event: Any) -> None:
        """Install and notify; of a further database, which another one serves, only log it.

        Raises LookupError when there is no database of that name.
        """
        database = event.database
        if self.db_name is not None and self.db_name not in database.databases:
            raise LookupError(
                f"there is no database named {self.db_name!r} beside "
                f"{database.database_name!r}: configure a second one, or use "
                "basicInstallerAndNotifier"
            )
        main = mark_first(database)
        manager = transaction.TransactionManager()
        connection = database.open(transaction_manager=manager)
        try:
            if main is not database and find(connection) is None and find_near(connection):
                log.warn("{line}", line=_served(database.database_name, main.database_name))
                return
            commit_once(
                manager,
                lambda: install(connection, self.db_name),
                lambda _: find(connection) is not None,
                tries=TRIES,
                storage_lost=LimitedWait(database, PATIENCE),
            )
            notify(DataManagerAvailable(find(connection)))
        finally:
            manager.abort()
            connection.close()


def _served(name: str, main: str) -> str:
    return (
        f"database {name!r} was opened beside {main!r}, whose data manager is that of its objects "
        f"too: no other one is installed; supervisors need a section <zodb {name}> in "
        "etc/zcasync.conf, and an engine in this process has it where it was opened before the "
        "first database was announced"
    )


class InstallTwistedEngine:
    """A subscriber to DataManagerAvailable: starts an engine in this process's Twisted reactor.

    The engine starts when the reactor runs and stops before it shuts down.  Thread jobs run in
    child processes, which open the databases themselves: those of ``etc/zcasync.conf``, and where
    that names none, all that the application has open, with the options of its ZEO clients.  So
    they have to be such as several processes can open.  ``in_process=True`` runs them in threads of
    this process instead: for tests, and for applications that can have no children.  No thread can
    be killed, so a job that hangs there hangs until the process ends, and one that has not ended
    when the grace period is over leaves the engine as a ghost, for the next start.  ``reactor``
    None: the installed one.
    """

    def __init__(self, *, in_process: bool = False, reactor: Any = None) -> None:
        self._in_process = in_process
        self._reactor = reactor
        #: The database whose data manager an engine serves, by the reactor.
        self._served: Any = weakref.WeakKeyDictionary()
        adapter(IDataManagerAvailableEvent)(self)

    def __call__(self, event: Any) -> None:
        """Start an engine; for a second data manager of the same process, only log that none is.

        Raises ConfigurationError when children cannot open the database, or for a
        ``zcasync.conf`` that cannot be used.
        """
        from zcasync.twisted_engine.engine import engine_keeper

        reactor = self._reactor
        if reactor is None:
            from twisted.internet import reactor
        db = event.object._p_jar.db()
        other = self._served.setdefault(reactor, weakref.ref(db))()
        if other is not None and other is not db:
            log.error("{line}", line=_not_served(db, other))
            return
        keeper = engine_keeper(db, instance_uuid(), reactor, in_process=self._in_process)
        reactor.callLater(0, _start, keeper)
        reactor.addSystemEventTrigger("before", "shutdown", keeper.stop)


def _not_served(db: Any, other: Any) -> str:
    return (
        f"no engine begins for the data manager of database {db.database_name!r} "
        f"({db.storage.getName()}): this process has one for that of {other.database_name!r} "
        f"({other.storage.getName()}), and an instance serves one; name the database in the "
        "etc/zcasync.conf of another home and start its supervisor: zcasync run"
    )


def instance_uuid() -> Any:
    """Return the UUID of this instance: the utility ``(IUUID, name="instance")``.

    Where the application has registered none, the home's is registered.
    """
    registry = getGlobalSiteManager()
    worker = registry.queryUtility(IUUID, name="instance")
    if worker is None:
        worker = getUUID()
        # No event: its subscribers are those of the current site, whatever that is.
        registry.registerUtility(worker, IUUID, name="instance", event=False)
    return worker


def _start(keeper: Any) -> None:
    keeper.start().addErrback(
        lambda failure: log.critical(
            "no engine runs in this process: {why}", why=failure.getErrorMessage()
        )
    )


#: Keeps the data manager beside the application's data.
basicInstallerAndNotifier = InstallerAndNotifier()

#: Keeps the data manager in a second database, so that its churn stays out of the main one.
installerAndNotifier = InstallerAndNotifier(ASYNC_DATABASE)

#: Starts an engine whose thread jobs run in child processes.
installTwistedEngine = InstallTwistedEngine()
