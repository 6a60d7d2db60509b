"""A job of a buried engine commits nothing, whatever way it takes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.utils import load_current, z64

from tests.jobs import escapes, samples
from tests.support.sessions import ONE, Session
from zcasync.database.sync import manager_database
from zcasync.datamanager import install
from zcasync.errors import FencedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.perform.job_connection import JobConnection
from zcasync.perform.performer import Performer
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.workers.incarnation import Incarnation

Way = Callable[[Any], None]


class Engine:
    """An engine in this process, one job that it has claimed, and whoever buries it."""

    def __init__(self, db: DB) -> None:
        self.db = db
        self.watcher = Session(manager_database(db))
        if db is not manager_database(db):
            main = self.watcher.connection.get_connection(db.database_name)
            main.transaction_manager = self.watcher.transactions
        install(self.watcher.connection)
        self.incarnation = Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here())
        self.watcher.keep(self.incarnation, "incarnation")
        for one in db.databases.values():
            manager = transaction.TransactionManager()
            connection = one.open(manager)
            connection.root()["before"] = 1
            manager.get().note(escapes.UNDONE)
            manager.commit()
            connection.close()
        self.own = manager_database(db).open(transaction.TransactionManager())
        escapes.CONNECTIONS.append(self.own)

    def claim(self, call: Any = escapes.try_here, **options: Any) -> Any:
        """The call as a partial that the engine has claimed."""
        partial = self.watcher.queue.put(call, **options)
        self.watcher.commit()
        [found] = self.watcher.claim()
        found.assign(self.incarnation)
        self.watcher.commit()
        return partial

    def bury(self) -> None:
        """Does nothing the second time."""
        self.watcher.sync()
        if self.incarnation.is_over:
            return
        self.incarnation.end("buried by the tests")
        self.watcher.commit()

    def perform(self, partial: Any = None) -> None:
        partial = partial or self.claim()
        manager = transaction.TransactionManager()
        job_connection = JobConnection(self.db, self.incarnation._p_oid, manager)
        try:
            manager.begin()
            performer = Performer(detach=job_connection.detach)
            found: Any = job_connection.connection.get(partial._p_oid)
            performer.perform_claimed(found, job_connection.incarnation)
        finally:
            job_connection.close()

    def escaped(self) -> bool:
        """Whether something of it is in a database, or is not there any more."""
        roots = [load_current(one.storage, z64)[0] for one in self.db.databases.values()]
        return any(escapes.ESCAPED.encode() in root or b"before" not in root for root in roots)


ONE_DATABASE, TWO_DATABASES = ["main"], ["main", "zc.async"]


@pytest.fixture(params=[ONE_DATABASE])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """With two databases the incarnation is in the second one."""
    databases: dict[str, DB] = {}
    for name in request.param:
        DB(FileStorage(str(tmp_path / name)), databases=databases, database_name=name)
    made = Engine(databases["main"])
    yield made
    made.watcher.close()
    made.own.close()
    for one in databases.values():
        one.close()


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """What one test has told the job to do is not for the next."""
    yield
    for one in (escapes.FIRST, escapes.WAYS, escapes.CONNECTIONS, escapes.DEFERREDS):
        one.clear()
    escapes.OUTCOMES.clear()


CASES = [
    *((ONE_DATABASE, way) for way in escapes.PLAIN),
    *((TWO_DATABASES, way) for way in (*escapes.PLAIN, *escapes.OF_TWO)),
]
in_every_way = pytest.mark.parametrize(
    ("engine", "way"),
    CASES,
    indirect=["engine"],
    ids=[f"{way.__name__}-{len(names)}" for names, way in CASES],
)


@in_every_way
def test_a_job_of_a_live_engine_may_commit_in_every_way(engine: Engine, way: Way) -> None:
    escapes.WAYS.append(way)
    engine.perform()
    assert escapes.OUTCOMES[way.__name__] == ""
    assert engine.escaped()


@in_every_way
def test_a_job_of_a_buried_engine_commits_in_no_way(engine: Engine, way: Way) -> None:
    escapes.WAYS.append(way)
    escapes.FIRST.append(engine.bury)
    with pytest.raises(FencedError):
        engine.perform()
    assert refused(way)
    assert not engine.escaped()


@in_every_way
def test_what_the_application_commits_is_not_fenced(engine: Engine, way: Way) -> None:
    """In the same process, while the engine that has jobs there is over."""
    escapes.WAYS.append(way)
    escapes.FIRST.append(engine.bury)
    with pytest.raises(FencedError):
        engine.perform()
    assert escapes.attempt((way,), engine.watcher.connection) == {way.__name__: ""}


def refused(way: Way) -> bool:
    """Whether the storage, or the fence before it, has refused what a job has tried."""
    return escapes.OUTCOMES[way.__name__].startswith(("FencedError", "ConflictError", "ReadConf"))


@in_every_way
def test_a_detached_job_is_fenced_too(engine: Engine, way: Way) -> None:
    escapes.WAYS.append(way)
    escapes.FIRST.append(engine.bury)
    with pytest.raises(FencedError):
        engine.perform(engine.claim(detached=True))
    assert refused(way)
    assert not engine.escaped()


def test_a_callback_is_fenced_too(engine: Engine) -> None:
    escapes.WAYS.append(escapes.another_connection)
    escapes.FIRST.append(engine.bury)
    partial = engine.claim(samples.nothing)
    partial.addCallback(escapes.try_here)
    engine.watcher.commit()
    with pytest.raises(FencedError):
        engine.perform(partial)
    assert refused(escapes.another_connection)
    assert not engine.escaped()


@in_every_way
def test_a_call_to_the_reactor_is_fenced_too(engine: Engine, way: Way) -> None:
    escapes.WAYS.append(way)
    escapes.FIRST.append(engine.bury)
    with pytest.raises(FencedError):
        engine.perform(engine.claim(escapes.try_from_the_reactor))
    assert refused(way)
    assert not engine.escaped()


def reactor_jobs(engine: Engine, reactor: Clock) -> ReactorJobs:
    """Of a reactor whose thread is this one, as are those of the jobs."""
    reactor.callFromThread = lambda call, *args: call(*args)  # type: ignore[attr-defined]
    return ReactorJobs(
        reactor,
        engine.db,
        engine.incarnation._p_oid,
        ended=lambda oid: None,
        threads=lambda work, oid, do: work(oid, do),
        from_thread=lambda _, call, *args: call(*args),
    )


@pytest.mark.parametrize("call", [escapes.try_here, escapes.try_later])
@in_every_way
def test_a_reactor_job_is_fenced_too(
    engine: Engine, reactor: Clock, way: Way, call: Callable[..., Any]
) -> None:
    """Also where it goes on in a coroutine, after its own connection was closed."""
    escapes.WAYS.append(way)
    escapes.FIRST.append(engine.bury)
    escapes.DEFERREDS.append(Deferred())
    partial = engine.claim(call)
    reactor_jobs(engine, reactor).start(partial._p_oid)
    escapes.DEFERREDS[0].callback(None)
    assert refused(way)
    assert not engine.escaped()
    assert escapes.attempt((way,), engine.watcher.connection) == {way.__name__: ""}


def test_a_job_that_is_repeated_for_the_conflicts_of_its_own_commits_is_fenced_as_well(
    engine: Engine,
) -> None:
    """Otherwise it would never come to the commit that says so."""
    escapes.FIRST.extend([engine.bury, lambda: escapes.own_data_manager(engine.own)])
    with pytest.raises(FencedError):
        engine.perform(engine.claim(retry="forever"))
    assert not engine.escaped()
