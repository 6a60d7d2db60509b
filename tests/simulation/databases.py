"""The databases of simulated worlds: new ones, and what each process has of them."""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from ZODB import DB
from ZODB.utils import z64

from tests.simulation.jobs import Counter
from tests.simulation.server import Server, nothing
from tests.simulation.storage import Storage
from tests.support.sessions import Session
from zcasync.database.missing_classes import class_factory as find_class
from zcasync.datamanager import install
from zcasync.interfaces import ASYNC_DATABASE
from zcasync.zeo.older import Database

#: Of the databases: the main one, and the one of the data manager where it is apart.
NAMES = ("main", ASYNC_DATABASE)
SHARED = "shared"
#: The quotas that there are, and how many may run at once.
LIMITS = {"one": 1, "two": 2}
#: The quota of which two may begin in a second.
RATED = "rated"

_templates: dict[bool, list[Server]] = {}


def new_servers(apart: bool) -> list[Server]:
    """The servers of a world's databases, with a data manager and an object that jobs share.

    ``apart``: in a database of its own.
    """
    if apart not in _templates:
        servers = [Server() for _ in NAMES[: 1 + apart]]
        for server in servers:
            DB(Storage(server))  # makes the root
        databases = Databases(servers)
        session = Session(databases.db)
        quotas = install(session.connection, ASYNC_DATABASE if apart else None).quotas
        for name, limit in LIMITS.items():
            quotas.set(name, limit=limit)
        quotas.set(RATED, rate=(2, 1))
        session.keep(Counter(), SHARED)
        session.close()
        _templates[apart] = servers
    return [server.fork() for server in _templates[apart]]


@lru_cache(maxsize=1000)
def _named(module: str, name: str) -> Any:
    return find_class(None, module, name)


def class_factory(connection: Any, module: str, name: str) -> Any:
    """As the product's, but classes neither come nor go."""
    return _named(module, name)


class ProcessDB(Database):
    """Does without the transaction that looks for the root: it is there."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.transaction = lambda note: nullcontext({z64: "the root"})
        super().__init__(*args, **options)
        del self.transaction


class Databases:
    """What one process has of the databases; ``only_looks``: it is no part of what happens."""

    def __init__(self, servers: list[Server], only_looks: bool = False) -> None:
        self._servers = servers
        self._storages = [Storage(server) for server in servers]
        if only_looks:
            for one in self._storages:
                one.at = nothing
        self._db: DB | None = None

    @property
    def db(self) -> DB:
        """The main one, opened when it is wanted for the first time."""
        if self._db is None:
            databases: dict[str, Any] = {}
            for name, storage in zip(NAMES, self._storages, strict=False):
                storage.sortKey = name.__str__
                made = ProcessDB(
                    storage,
                    pool_size=1000,
                    class_factory=class_factory,
                    database_name=name,
                    databases=databases,
                )
                storage.lock = made._lock
            self._db = databases[NAMES[0]]
        return self._db

    def be_late(self) -> None:
        """From now on news takes its time to arrive here."""
        for one in self._storages:
            one.is_late = True

    def hear(self) -> None:
        """All news has arrived."""
        for one in self._storages:
            one.is_late = False
            one.ping()

    def close(self) -> None:
        """The process is gone."""
        for server, storage in zip(self._servers, self._storages, strict=True):
            server.drop(storage)
