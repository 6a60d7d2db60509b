"""The data manager: its parts, where it is kept, how it is installed."""

from collections.abc import Iterator
from typing import Any

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from zope.event import subscribers
from zope.processlifetime import DatabaseOpened

from tests.jobs import samples
from tests.support.old_records import write_old_records
from tests.support.sessions import Session
from zcasync import Partial, put
from zcasync import find as find_job
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import DataManager, find, install
from zcasync.errors import ConfigurationError
from zcasync.formats import RECORD_FORMAT
from zcasync.interfaces import ROOT_KEY, IDataManagerAvailableEvent
from zcasync.subscribers import basicInstallerAndNotifier, installerAndNotifier


@pytest.fixture
def empty() -> Iterator[DB]:
    """A database without a data manager."""
    made = DB(DemoStorage())
    yield made
    made.close()


@pytest.fixture
def two() -> Iterator[DB]:
    """A main database beside one named zc.async."""
    databases: dict[str, DB] = {}
    main = DB(DemoStorage(), databases=databases, database_name="main")
    second = DB(DemoStorage(), databases=databases, database_name="zc.async")
    yield main
    second.close()
    main.close()


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """The events that tell of a data manager."""
    told: list[Any] = []

    def listen(event: object) -> None:
        if IDataManagerAvailableEvent.providedBy(event):
            told.append(event)

    subscribers.append(listen)
    yield told
    subscribers.remove(listen)


def test_a_data_manager_has_two_queues_and_the_workers(session: Session) -> None:
    manager = session.manager

    assert manager.queue("thread") is manager.thread
    assert manager.queue("reactor") is manager.reactor
    assert [part.__parent__ for part in (manager.thread, manager.reactor, manager.workers)] == [
        manager
    ] * 3
    assert (manager.thread.__name__, manager.reactor.__name__) == ("thread", "reactor")
    for name in ("workers", "nothing", "__class__"):
        with pytest.raises(LookupError, match="there are thread, reactor"):
            manager.queue(name)


def test_install_makes_one_and_only_one(empty: DB) -> None:
    session = Session(empty)
    assert find(session.connection) is None

    manager = install(session.connection)
    session.commit()

    assert isinstance(manager, DataManager)
    assert install(session.connection) is find(session.connection) is session.root[ROOT_KEY]
    assert ROOT_KEY == "zc.async.datamanager"
    session.close()


def test_a_database_that_is_opened_gets_a_data_manager_and_notifies(
    empty: DB, events: list[Any]
) -> None:
    basicInstallerAndNotifier(DatabaseOpened(empty))
    basicInstallerAndNotifier(DatabaseOpened(empty))

    session = Session(empty)
    assert [event.object._p_oid for event in events] == [session.manager._p_oid] * 2
    session.close()


def test_the_second_database_holds_the_data_manager_and_the_first_refers_to_it(
    two: DB, events: list[Any]
) -> None:
    installerAndNotifier(DatabaseOpened(two))
    installerAndNotifier(DatabaseOpened(two))

    session = Session(two)
    manager = session.manager
    assert manager._p_jar.db().database_name == "zc.async"
    assert manager._p_jar.root()[ROOT_KEY] is manager
    assert len(events) == 2

    partial = put(session.connection, samples.nothing)
    session.commit()
    assert partial._p_jar is manager._p_jar
    assert session.claim() == [partial]
    session.close()


def test_a_second_database_that_is_missing_is_named(empty: DB) -> None:
    with pytest.raises(LookupError, match=r"no database named 'zc\.async' beside"):
        installerAndNotifier(DatabaseOpened(empty))


def test_put_finds_the_data_manager_of_its_context(session: Session) -> None:
    stored = session.keep(samples.Demo())

    for context in (session.connection, session.manager, stored, session.root):
        assert put(context, samples.nothing).queue is session.manager.thread
    assert put(stored, len, queue="reactor").queue is session.manager.reactor
    assert (len(session.manager.thread), len(session.manager.reactor)) == (4, 1)


def test_put_passes_the_options_on(session: Session) -> None:
    assert put(session.connection, samples.nothing, batch=True)._batch
    with pytest.raises(TypeError, match="nonsense"):
        put(session.connection, samples.nothing, nonsense=1)
    with pytest.raises(LookupError, match="there is no queue 'fast'"):
        put(session.connection, samples.nothing, queue="fast")


@pytest.mark.parametrize("context", [None, 42, samples.Demo(), Partial(samples.nothing)])
def test_put_says_when_nothing_serves_the_context(context: object) -> None:
    with pytest.raises(LookupError, match="no data manager serves"):
        put(context, samples.nothing)


def test_put_says_when_the_database_has_no_data_manager(empty: DB) -> None:
    session = Session(empty)
    with pytest.raises(LookupError, match="has a supervisor been started for its database once"):
        put(session.connection, samples.nothing)
    session.close()


def test_two_clients_that_install_at_once_conflict_and_one_data_manager_is_there(empty: DB) -> None:
    one, other = Session(empty), Session(empty)
    install(one.connection)
    basicInstallerAndNotifier(DatabaseOpened(empty))
    with pytest.raises(Exception, match="conflict"):
        one.commit()
    one.abort()

    other.sync()
    assert install(one.connection)._p_oid == other.manager._p_oid
    one.close()
    other.close()


# records of other versions


@pytest.fixture
def old() -> Iterator[DB]:
    """A database that a development version before 0.1 has written."""
    storage = DemoStorage()
    write_old_records(storage)
    made = make_database(storage)
    yield made
    made.close()


@pytest.mark.parametrize("open_db", [make_database, DB], ids=["ours", "ZODB's"])
def test_the_records_of_a_development_version_are_refused(open_db: Any) -> None:
    storage = DemoStorage()
    write_old_records(storage)
    made = open_db(storage)
    session = Session(made)

    for look in (find, install):
        with pytest.raises(ConfigurationError) as caught:
            look(session.connection)
        assert "this database was written by a development version" in str(caught.value)
        assert "delete root['zc.async.datamanager']" in str(caught.value)
    session.close()
    made.close()


def test_the_installers_refuse_them_and_notify_nobody(old: DB, events: list[Any]) -> None:
    with pytest.raises(ConfigurationError, match="by a development version"):
        basicInstallerAndNotifier(DatabaseOpened(old))

    assert events == []


def test_a_reference_to_such_records_in_a_second_database_names_that(
    two: DB, events: list[Any]
) -> None:
    installerAndNotifier(DatabaseOpened(two))
    session = Session(two)
    find(session.connection).record_format = 0  # type: ignore[union-attr]
    session.commit()

    with pytest.raises(ConfigurationError, match=r"of database 'zc\.async' was written"):
        installerAndNotifier(DatabaseOpened(two))

    assert len(events) == 1
    session.close()


def test_the_records_of_a_newer_version_are_refused(session: Session) -> None:
    session.manager.record_format = RECORD_FORMAT + 1

    with pytest.raises(ConfigurationError, match="newer version of zcasync"):
        find(session.connection)


def test_when_they_are_deleted_a_new_data_manager_is_installed(old: DB, events: list[Any]) -> None:
    session = Session(old)
    del session.connection.root()[ROOT_KEY]
    session.commit()

    basicInstallerAndNotifier(DatabaseOpened(old))

    session.sync()
    assert len(events) == 1
    assert len(session.manager.thread) == 0
    session.close()


def test_a_job_is_found_by_the_id_that_is_printed(session: Session, connect: Any) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    assert partial.id == f"{int.from_bytes(partial._p_oid):#x}"

    assert session.manager.find(partial.id) is partial
    assert find_job(session.connection, partial.id) is partial
    other = connect()
    assert find_job(other.manager, partial.id) is other.same(partial)


def test_a_job_of_a_second_database_is_found_by_its_whole_id(two: DB) -> None:
    session = Session(two)
    install(session.connection, "zc.async")
    session.commit()
    partial = put(session.connection, samples.nothing)
    kept = session.keep(Partial(samples.nothing))
    assert partial.id is not None
    assert partial.id.startswith("zc.async:0x")

    assert find_job(session.connection, partial.id) is partial
    assert find_job(session.connection, partial.id.partition(":")[2]) is partial  # as in a log
    assert find_job(session.connection, kept.id) is kept
    with pytest.raises(LookupError, match=r"no database 'shop' beside main, zc\.async"):
        find_job(session.connection, "shop:0x1")
    session.close()


def test_a_job_that_is_not_there_is_said_to_be_so_and_why(session: Session, connect: Any) -> None:
    before = connect()
    assert before.root
    partial = session.queue.put(samples.nothing)
    assert Partial(samples.nothing).id is None
    session.commit()

    with pytest.raises(LookupError, match=f"no job {partial.id}, as this transaction sees"):
        before.manager.find(partial.id)
    with pytest.raises(LookupError, match=r"is no job but a .*PersistentMapping"):
        session.manager.find("0x0")
    with pytest.raises(ValueError, match="is not an id such as 0x1a2b"):
        session.manager.find("the last one")
    with pytest.raises(LookupError, match="in no database"):
        DataManager().find("0x1")
