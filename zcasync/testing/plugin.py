"""A pytest plugin: databases, engines and supervisors as fixtures for applications.

Enable it with ``pytest_plugins = ["zcasync.testing.plugin"]`` in the ``conftest.py`` next to the
tests, or with ``pytest -p zcasync.testing.plugin``.  It is no entry point: that would load the ZODB
in every run of pytest in the environment, before coverage could see it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
import twisted.internet
from ZODB.DemoStorage import DemoStorage

import zcasync
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import DataManager, install
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.story import Story
from zcasync.testing.supervisor import Supervisor


@pytest.fixture
def zcasync_db() -> Iterator[Any]:
    """Provide a fresh ``ZODB.DB`` in memory.  Override it to give the others another database."""
    db = make_database(DemoStorage())
    yield db
    db.close()


@pytest.fixture
def zcasync_data_manager(zcasync_db: Any) -> Iterator[DataManager]:
    """Provide the data manager of ``zcasync_db``, with the adapters registered.

    It belongs to a connection of this thread's ``transaction.manager``; ``_p_jar`` is that.
    """
    zcasync.configure()
    transaction.abort()
    connection = zcasync_db.open()
    manager = install(connection)
    transaction.commit()
    yield manager
    transaction.abort()
    connection.close()


@pytest.fixture
def zcasync_reactor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReactor]:
    """Provide a reactor whose time the test controls, in the place of Twisted's.

    zcasync's clock follows it.
    """
    # Before the fake one is in place: ampoule keeps the reactor that it finds.
    import zcasync.supervisor.engine  # noqa: F401

    fake = FakeReactor()
    monkeypatch.setattr(twisted.internet, "reactor", fake, raising=False)
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", fake)
    fake.install()
    yield fake
    fake.uninstall()


@pytest.fixture
def zcasync_story(
    zcasync_db: Any, zcasync_data_manager: DataManager, zcasync_reactor: FakeReactor
) -> Iterator[Story]:
    """Provide an engine for ``zcasync_data_manager`` in this process; it works while time flies."""
    with Story(zcasync_db, reactor=zcasync_reactor) as story:
        yield story


class SupervisorMaker:
    """The maker of a test's supervisors, with homes in one folder; it starts and stops them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Supervisor] = []

    def __call__(self, name: str = "home", **options: Any) -> Supervisor:
        """Start a supervisor on the home of that name; ``options``: see Supervisor."""
        self.made.append(Supervisor(self.folder / name, **options))
        return self.made[-1].start()

    def stop(self) -> None:
        """Stop all, also where one does not end well; raise what the first such one raised."""
        problems: list[AssertionError] = []
        for supervisor in self.made:
            try:
                supervisor.stop()
            except AssertionError as error:
                problems.append(error)
        if problems:
            raise problems[0]


@pytest.fixture
def zcasync_make_supervisor() -> Iterator[SupervisorMaker]:
    """Provide supervisors: ``zcasync_make_supervisor("home", children=1, config=...)`` starts one.

    Supervisors of one test have homes of different names, or the same home one after the other.
    All are stopped in the end, and their homes are removed.
    """
    # Not the tmp_path of pytest: the paths of unix sockets must be short.
    folder = Path(tempfile.mkdtemp(prefix="zc", dir="/tmp"))
    make = SupervisorMaker(folder)
    try:
        yield make
    finally:
        try:
            make.stop()
        finally:
            shutil.rmtree(folder)


@pytest.fixture
def zcasync_supervisor(zcasync_make_supervisor: SupervisorMaker) -> Supervisor:
    """Provide a supervisor process with one child on a temporary home."""
    return zcasync_make_supervisor()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of a failed test's supervisors with it."""
    report = yield
    make = getattr(item, "funcargs", {}).get("zcasync_make_supervisor")
    if report.failed and report.when == "call" and isinstance(make, SupervisorMaker):
        for supervisor in make.made:
            name = f"zcasync supervisor {supervisor.home.name}"
            report.sections.append((name, supervisor.evidence()))
    return report
