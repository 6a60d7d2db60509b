"""Subscribers to the start of a process: the data manager is there whichever event tells of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from zope.component import event as component_event
from zope.component import getGlobalSiteManager
from zope.event import subscribers
from zope.processlifetime import DatabaseOpened, DatabaseOpenedWithRoot, ProcessStarting

from tests.support.sessions import Session
from zcasync.application.process import setting_up
from zcasync.datamanager import find
from zcasync.interfaces import DataManagerAvailable, IDataManagerAvailableEvent
from zcasync.subscribers import InstallAtStart, InstallTwistedEngine
from zcasync.testing import FakeReactor

pytestmark = pytest.mark.usefixtures("registry")
Event = Callable[[DB], Any]


@pytest.fixture
def empty() -> Iterator[DB]:
    """A database with nothing in it."""
    db = DB(DemoStorage())
    yield db
    db.close()


@pytest.fixture
def available() -> list[Any]:
    """The events that told of a data manager."""
    assert component_event.dispatch in subscribers  # as in every application with ZCML
    told: list[Any] = []
    getGlobalSiteManager().registerHandler(told.append, [IDataManagerAvailableEvent])
    return told


def zope(db: DB, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zope runs in this process, over a database."""
    monkeypatch.setitem(sys.modules, "Zope2", SimpleNamespace(DB=db))


@pytest.mark.parametrize("event", [DatabaseOpened, DatabaseOpenedWithRoot])
def test_each_event_of_a_database_installs(empty: DB, available: list[Any], event: Event) -> None:
    InstallAtStart()(event(empty))

    with empty.transaction() as connection:
        assert find(connection) is not None
    assert len(available) == 1


def test_the_start_of_zope_installs_in_its_database(
    empty: DB, available: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    install = InstallAtStart()
    install(ProcessStarting())
    assert available == []
    zope(empty, monkeypatch)
    install(ProcessStarting())

    assert len(available) == 1


def test_the_first_event_that_comes_is_the_only_one_that_tells(
    empty: DB, available: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    zope(empty, monkeypatch)
    install = InstallAtStart()
    for event in (DatabaseOpened(empty), DatabaseOpenedWithRoot(empty), ProcessStarting()):
        install(event)

    assert len(available) == 1


def test_a_database_for_the_queues_has_the_data_manager(empty: DB, available: list[Any]) -> None:
    queues = DB(DemoStorage(), database_name="zc.async", databases=empty.databases)
    InstallAtStart()(DatabaseOpenedWithRoot(empty))

    (event,) = available
    with queues.transaction() as connection:
        assert find(connection) is not None
    assert event.object.__class__.__name__ == "DataManager"
    queues.close()


def test_no_engine_starts_where_an_application_is_set_up_in_a_worker(session: Session) -> None:
    reactor = FakeReactor()
    with setting_up("tests"):
        InstallTwistedEngine(in_process=True, reactor=reactor)(
            DataManagerAvailable(session.manager)
        )

    assert reactor.triggers == []
    assert reactor.calls == []
