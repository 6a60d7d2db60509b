"""Subscribers: an engine in the application's own process."""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from zope.component import getUtility, provideUtility
from zope.processlifetime import DatabaseOpened

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.datamanager import install as install_manager
from zcasync.errors import ConfigurationError
from zcasync.instanceuuid import InstanceUUID, uuid_path
from zcasync.interfaces import COMPLETED, IUUID, DataManagerAvailable
from zcasync.subscribers import InstallerAndNotifier, InstallTwistedEngine
from zcasync.testing import FakeReactor, wait_for_result


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry: None) -> Path:
    """An instance home, and an empty component registry."""
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    """A fake reactor; the engines that were started in it are stopped."""
    made = FakeReactor()
    made.install()
    yield made
    stopping = made.shut_down()
    made.turn_until(lambda: all(deferred.called for deferred in stopping))
    made.uninstall()


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """The events that were logged."""
    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    yield events
    globalLogPublisher.removeObserver(events.append)


def test_a_database_of_this_process_only_is_refused_with_the_ways_out(
    session: Session, home: Path
) -> None:
    reactor = FakeReactor()

    with pytest.raises(ConfigurationError) as caught:
        InstallTwistedEngine(reactor=reactor)(DataManagerAvailable(session.manager))

    for words in ("DemoStorage", "serve it with ZEO", "zcasync.conf", "in_process=True"):
        assert words in str(caught.value)
    assert reactor.triggers == []
    assert reactor.calls == []


def test_an_embedded_engine_starts_with_the_reactor_and_stops_before_its_shutdown(
    session: Session, home: Path, reactor: FakeReactor
) -> None:
    InstallTwistedEngine(in_process=True, reactor=reactor)(DataManagerAvailable(session.manager))
    session.sync()
    assert len(session.manager.workers) == 0

    assert reactor.time_passes()
    session.sync()
    (worker,) = session.manager.workers.values()
    assert worker.engineUUID is not None
    partial = session.queue.put(Partial(samples.multiply, 6, 7))
    session.commit()
    assert wait_for_result(partial, turn=lambda: reactor.time_flies(1)) == 42

    ((phase, event, call),) = reactor.triggers
    assert (phase, event) == ("before", "shutdown")
    stopping = call()
    assert isinstance(stopping, Deferred)
    reactor.turn_until(lambda: stopping.called)
    session.sync()
    assert worker.engineUUID is None
    assert partial.state == COMPLETED


def test_the_uuid_of_the_home_is_registered(
    session: Session, home: Path, reactor: FakeReactor
) -> None:
    InstallTwistedEngine(in_process=True, reactor=reactor)(DataManagerAvailable(session.manager))
    reactor.time_passes()

    session.sync()
    written = uuid.UUID(uuid_path(home).read_text().strip())
    assert getUtility(IUUID, name="instance") == written
    assert list(session.manager.workers) == [written]


def test_the_uuid_that_the_application_has_registered_counts(
    session: Session, home: Path, reactor: FakeReactor
) -> None:
    mine = InstanceUUID(int=5)
    provideUtility(mine, IUUID, name="instance")

    InstallTwistedEngine(in_process=True, reactor=reactor)(DataManagerAvailable(session.manager))
    reactor.time_passes()

    session.sync()
    assert list(session.manager.workers) == [mine]
    assert not uuid_path(home).exists()


def test_an_engine_that_cannot_start_says_why(
    db: DB, session: Session, home: Path, reactor: FakeReactor, logged: list[Any]
) -> None:
    install = InstallTwistedEngine(in_process=True, reactor=reactor)
    install(DataManagerAvailable(session.manager))
    install(DataManagerAvailable(session.manager))
    reactor.time_flies(1)

    (why,) = [event["why"] for event in logged if "why" in event]
    session.sync()
    (worker,) = session.manager.workers.values()
    assert f"worker {worker.UUID} is served by process" in why


def lines(logged: list[Any]) -> list[str]:
    """The lines that were logged of databases."""
    return [event["line"] for event in logged if "line" in event]


def test_a_second_data_manager_of_a_process_has_no_engine_and_that_is_said(
    db: DB, session: Session, home: Path, reactor: FakeReactor, logged: list[Any]
) -> None:
    install = InstallTwistedEngine(in_process=True, reactor=reactor)
    install(DataManagerAvailable(session.manager))
    reactor.time_flies(1)
    with closing(DB(DemoStorage("shop"), database_name="shop")) as shop:
        other = Session(shop)
        install_manager(other.connection)
        other.commit()
        install(DataManagerAvailable(other.manager))
        reactor.time_flies(1)
        other.sync()
        assert len(other.manager.workers) == 0
        other.close()

    (line,) = lines(logged)
    assert "no engine begins for the data manager of database 'shop' (shop)" in line
    assert "etc/zcasync.conf of another home" in line
    assert len(reactor.triggers) == 1


@pytest.mark.parametrize("db_name", [None, "zc.async"])
def test_a_further_database_is_served_by_the_data_manager_that_is_there(
    monkeypatch: pytest.MonkeyPatch, logged: list[Any], db_name: str | None
) -> None:
    databases: dict[str, DB] = {}
    site, catalog, _ = (
        DB(DemoStorage(), database_name=name, databases=databases)
        for name in ("site", "catalog", "zc.async")
    )
    available: list[Any] = []
    monkeypatch.setattr("zcasync.subscribers.notify", lambda one: available.append(one.object))
    installer = InstallerAndNotifier(db_name)
    for _ in range(2):
        installer(DatabaseOpened(site))
        installer(DatabaseOpened(catalog))

    assert [one._p_jar.db().database_name for one in available] == 2 * [db_name or "site"]
    assert len(lines(logged)) == 2
    assert "'catalog' was opened beside 'site'" in lines(logged)[0]
    assert "<zodb catalog>" in lines(logged)[0]
    with closing(catalog.open()) as connection:
        assert list(connection.root()) == []
    for one in list(databases.values()):
        one.close()


def test_a_client_with_certificates_is_refused_with_the_ways_out(
    session: Session, home: Path
) -> None:
    db = session.connection.db()
    client = ClientStorage(("127.0.0.1", 1), ssl=ssl.create_default_context(), wait=False)
    event = DataManagerAvailable(session.manager)
    with (
        closing(client),
        patch.object(db, "storage", client),
        pytest.raises(ConfigurationError) as caught,
    ):
        InstallTwistedEngine(reactor=FakeReactor())(event)

    for words in ("certificates of its client", "zcasync.conf", "in_process=True"):
        assert words in str(caught.value)
