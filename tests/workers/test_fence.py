"""Fencing: a process that was declared dead commits nothing any more."""

import uuid
from collections.abc import Iterator

import pytest
import transaction
from ZODB import DB
from ZODB.Connection import Connection
from ZODB.DemoStorage import DemoStorage
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.errors import FencedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation, Ping
from zcasync.zeo.fenced import Fenced, open_fenced


@pytest.fixture
def incarnation(session: Session) -> Incarnation:
    """The token of an engine, as the watcher sees it, who is going to bury it."""
    return session.keep(Incarnation(TWO, ONE, ProcessIdentity.here()), "incarnation")


@pytest.fixture
def fenced(connect: Connect, session: Session, incarnation: Incarnation) -> Session:
    """The engine's process."""
    made = connect()
    made.sync()
    fence(made.connection, made.same(incarnation))
    return made


def bury(session: Session, incarnation: Incarnation) -> None:
    session.sync()
    incarnation.end("buried by the tests")
    session.commit()


def test_a_live_engine_commits(fenced: Session, session: Session) -> None:
    for number in range(3):
        fenced.root["work"] = number
        fenced.commit()

    session.sync()
    assert session.root["work"] == 2


def test_fenced_commits_do_not_conflict_with_each_other(
    fenced: Session, connect: Connect, incarnation: Incarnation
) -> None:
    other = connect()
    other.sync()
    fence(other.connection, other.same(incarnation))
    fenced.root["one"] = samples.Demo()
    fenced.commit()
    other.sync()
    for _ in range(3):
        fenced.root["one"].increase()
        other.root["two"] = samples.Demo()
        fenced.commit()
        other.commit()


def test_an_old_transaction_of_a_buried_engine_conflicts(
    fenced: Session, session: Session, incarnation: Incarnation
) -> None:
    fenced.root["work"] = 1
    bury(session, incarnation)

    with pytest.raises(ConflictError):
        fenced.commit()


@pytest.mark.parametrize("begin", [True, False])
def test_a_new_transaction_of_a_buried_engine_is_refused_with_the_reason(
    fenced: Session, session: Session, incarnation: Incarnation, begin: bool
) -> None:
    bury(session, incarnation)
    fenced.abort()
    if begin:
        fenced.sync()
    for _ in range(2):
        fenced.root["work"] = 1
        with pytest.raises(FencedError, match=f"engine {TWO} is over .buried by the tests."):
            fenced.commit()
        fenced.abort()

    session.sync()
    assert "work" not in session.root


def test_the_transaction_after_a_commit_is_fenced_too(
    fenced: Session, session: Session, incarnation: Incarnation
) -> None:
    fenced.root["work"] = 1
    fenced.commit()
    bury(session, incarnation)
    fenced.root["work"] = 2  # in the transaction that began by itself

    with pytest.raises((ConflictError, FencedError)):
        fenced.commit()
    fenced.abort()
    session.sync()
    assert session.root["work"] == 1


def test_a_savepoint_and_its_rollback_do_not_lift_the_fence(
    fenced: Session, session: Session, incarnation: Incarnation
) -> None:
    fenced.root["work"] = 1
    savepoint = fenced.savepoint()
    fenced.root["work"] = 2
    bury(session, incarnation)
    savepoint.rollback()
    fenced.root["work"] = 3

    with pytest.raises(ConflictError):
        fenced.commit()


def test_a_partial_that_is_performed_behind_the_fence_has_no_effect(
    fenced: Session, session: Session, incarnation: Incarnation
) -> None:
    demo = session.keep(samples.Demo())
    partial = session.keep(Partial(demo.increase), "partial")
    bury(session, incarnation)
    fenced.sync()

    with pytest.raises(FencedError):
        fenced.same(partial)()
    session.sync()
    assert (demo.counter, partial.state) == (0, "pending")


def test_the_engine_itself_may_write_its_end(fenced: Session, incarnation: Incarnation) -> None:
    fenced.same(incarnation).end("stopped")
    fenced.commit()

    fenced.root["work"] = 1
    with pytest.raises(FencedError, match="stopped"):
        fenced.commit()


def test_a_fence_can_be_taken_away(
    fenced: Session, session: Session, incarnation: Incarnation
) -> None:
    fence(fenced.connection, None)
    bury(session, incarnation)
    fenced.sync()

    fenced.root["work"] = 1
    fenced.commit()


@pytest.fixture
def three() -> Iterator[DB]:
    """A main database, another one for the data manager, and one more of the application."""
    databases: dict[str, DB] = {}
    made = [
        DB(DemoStorage(), databases=databases, database_name=name)
        for name in ("main", "zc.async", "catalog")
    ]
    yield made[0]
    for each in made:
        each.close()


@pytest.mark.parametrize("name", ["main", "catalog"])
def test_a_job_that_changes_another_database_only_is_fenced_too(three: DB, name: str) -> None:
    """Also where the job is the first to open a connection to it."""
    watcher, engine = Session(three), Session(three)
    second = watcher.connection.get_connection("zc.async")
    incarnation = second.root()["incarnation"] = Incarnation(TWO, ONE, ProcessIdentity.here())
    watcher.commit()
    own = engine.connection.get_connection("zc.async")
    own_incarnation = own.root()["incarnation"]
    fence(own, own_incarnation)

    root = engine.connection.get_connection(name).root()
    root["work"] = 1
    engine.commit()
    root["work"] = 2
    incarnation.end("buried")
    watcher.commit()
    with pytest.raises(ConflictError):
        engine.commit()
    engine.abort()
    root["work"] = 3
    with pytest.raises(FencedError):
        engine.commit()
    engine.abort()

    watcher.sync()
    assert watcher.connection.get_connection(name).root()["work"] == 1
    watcher.close()
    engine.close()


def test_connections_that_an_application_has_in_its_pool_stay_there_as_they_are(three: DB) -> None:
    """As in a process that has worked for long when an engine is started in it."""
    managers = [transaction.TransactionManager() for _ in range(2)]
    plain = [three.open(manager) for manager in managers]
    catalog = plain[0].get_connection("catalog")
    for each in plain:
        each.close()
    manager = transaction.TransactionManager()
    opened = open_fenced(three, manager)
    assert isinstance(opened, Fenced)
    assert isinstance(opened.get_connection("catalog"), Fenced)
    assert opened.get_connection("catalog") is opened.connections["catalog"]
    assert opened.get_connection("catalog").get_connection("main") is opened
    again = [three.open(manager) for manager in managers]
    assert {*again} == {*plain}
    assert {type(each) for each in again} == {Connection}
    assert plain[0].get_connection("catalog") is catalog
    for each in (opened, *again):
        each.close()
    assert open_fenced(three, manager) is opened


def test_a_connection_of_the_application_works_with_companions_that_can_be_fenced(
    three: DB,
) -> None:
    main = three.open(transaction.TransactionManager())
    fenced = open_fenced(three.databases["catalog"], transaction.TransactionManager())
    assert list(fenced.root()) == []  # of several the pool gives the one that has loaded most
    fenced.close()
    catalog = main.get_connection("catalog")
    assert catalog is fenced
    catalog.root()["work"] = main.root()["work"] = 1
    main.transaction_manager.commit()
    main.close()


def test_a_connection_that_cannot_be_fenced_is_refused(three: DB) -> None:
    connection = three.open()
    with pytest.raises(TypeError, match="cannot be fenced"):
        fence(connection, None)
    connection.close()


def test_the_threads_own_manager_is_fenced_as_well(
    db: DB, session: Session, incarnation: Incarnation
) -> None:
    connection = open_fenced(db, None)
    fence(connection, connection.get(incarnation._p_oid))
    connection.root()["work"] = 1
    transaction.commit()
    bury(session, incarnation)
    transaction.begin()
    connection.root()["work"] = 2
    with pytest.raises(FencedError):
        transaction.commit()
    transaction.abort()
    fence(connection, None)
    connection.close()


def test_an_incarnation_tells_who_it_is_and_how_it_ended(fake_clock: FakeClock) -> None:
    incarnation = Incarnation(TWO, ONE, ProcessIdentity.here())
    assert (incarnation.engineUUID, incarnation.worker) == (TWO, ONE)
    assert type(incarnation.engineUUID) is uuid.UUID
    assert (incarnation.is_over, incarnation.ended) == (False, None)
    assert incarnation.started == fake_clock.microseconds
    fake_clock.advance(minutes=1)
    incarnation.end("stopped")

    assert (incarnation.is_over, incarnation.end_reason) == (True, "stopped")
    assert incarnation.ended == fake_clock.microseconds


def test_a_ping_changes_its_own_record_only(session: Session, fake_clock: FakeClock) -> None:
    ping = Ping()
    assert (ping.moment, ping.promise) == (None, 0.0)
    session.keep(ping)
    serial = ping._p_serial
    ping.write(40.0)
    assert session.connection._registered_objects == [ping]
    session.commit()

    assert ping._p_serial != serial
    assert (ping.moment, ping.promise) == (fake_clock.moment, 40.0)


def test_an_incarnation_of_before_versions_were_noted_has_none() -> None:
    old = Incarnation(TWO, ONE, ProcessIdentity.here())
    assert "versions" not in old.__getstate__()
    assert old.versions is None
    assert Incarnation(TWO, ONE, ProcessIdentity.here(), {"Python": "3"}).versions == {
        "Python": "3"
    }
