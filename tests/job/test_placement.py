"""What a call consists of is looked at when it is put: can it be stored with the partial?"""

from collections.abc import Iterator
from typing import Any

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.POSException import InvalidObjectReference
from zope.processlifetime import DatabaseOpened

from tests.jobs import samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import MisplacedError, ZCAsyncError
from zcasync.subscribers import installerAndNotifier


@pytest.fixture
def apart() -> Iterator[DB]:
    """A main database, and a data manager in a second one."""
    databases: dict[str, DB] = {}
    main = DB(DemoStorage(), databases=databases, database_name="main")
    second = DB(DemoStorage(), databases=databases, database_name="zc.async")
    installerAndNotifier(DatabaseOpened(main))
    yield main
    second.close()
    main.close()


@pytest.fixture
def two(apart: DB) -> Iterator[Session]:
    """A session of both."""
    session = Session(apart)
    yield session
    session.close()


NEW = {
    "callable": lambda new: new.increase,
    r"args\[0\]": lambda new: Partial(samples.echo, new),
    r"args\[1\]": lambda new: Partial(samples.echo, 1, [{"deep": new}]),
    r"kwargs\['demo'\]": lambda new: Partial(samples.echo, demo=new),
    r"args\[0\]\.callable": lambda new: Partial(samples.echo, Partial(new.increase)),
}


@pytest.mark.parametrize("name", NEW)
def test_a_new_object_is_refused_by_name_where_the_queue_has_a_database_of_its_own(
    two: Session, name: str
) -> None:
    with pytest.raises(MisplacedError, match=rf"^{name}, a Demo, .*must be committed, or added"):
        two.manager.thread.put(NEW[name](samples.Demo()))

    assert len(two.manager.thread) == 0
    two.commit()


def test_the_error_is_ours_and_the_databases(two: Session) -> None:
    with pytest.raises(InvalidObjectReference) as caught:
        two.manager.thread.put(samples.Demo().increase)

    assert isinstance(caught.value, ZCAsyncError)


def test_an_object_of_a_callback_is_looked_at_when_it_is_added_or_put(two: Session) -> None:
    partial = Partial(samples.nothing)
    partial.addCallback(samples.Demo().increase)
    with pytest.raises(MisplacedError, match=r"^callbacks\[0\]\.callable, a Demo, "):
        two.manager.thread.put(partial)

    partial = two.manager.thread.put(samples.nothing)
    with pytest.raises(MisplacedError, match=r"^callable, a Demo, "):
        partial.addCallback(samples.Demo().increase)
    assert partial.callbacks == ()


def test_added_and_committed_objects_are_taken(two: Session) -> None:
    committed = two.keep(samples.Demo())
    two.commit()
    added = samples.Demo()
    two.connection.add(added)
    two.root["added"] = added

    for demo in (committed, added):
        two.manager.thread.put(Partial(demo.increase))
    two.commit()

    assert [partial.callable.__self__ for partial in two.manager.thread] == [committed, added]
    assert {demo._p_jar.db().database_name for demo in (committed, added)} == {"main"}


def test_a_new_object_is_stored_along_where_there_is_one_database(session: Session) -> None:
    demo = samples.Demo()

    partial = session.manager.thread.put(demo.increase)
    session.commit()

    assert demo._p_jar is partial._p_jar


def test_an_object_of_another_connection_is_refused(session: Session, connect: Connect) -> None:
    other = connect()
    demo = other.keep(samples.Demo())
    other.commit()

    with pytest.raises(MisplacedError, match="callable, a Demo, belongs to another connection"):
        session.manager.thread.put(demo.increase)


def test_a_partial_is_kept_elsewhere_only_once_it_was_put(two: Session) -> None:
    early = two.keep(Partial(samples.nothing))
    two.commit()
    with pytest.raises(MisplacedError, match="is in database 'main' already"):
        two.manager.thread.put(early)

    partial: Any = two.manager.thread.put(samples.nothing)
    callback = partial.addCallback(samples.nothing)
    two.root["mine"] = [partial, callback]
    two.commit()

    assert {one._p_jar.db().database_name for one in two.root["mine"]} == {"zc.async"}
