"""Fixtures of many tests: databases, sessions, clocks, logs, and homes with supervisors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import transaction
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.FileStorage import FileStorage
from zope.component.globalregistry import base

from tests.support.audits import audited, kinds_left
from tests.support.gates import Gate
from tests.support.instance import SHORT, Instance, short_folder
from tests.support.job_threads import CALLS, Bench, Storage
from tests.support.scenes import Said, Seconds
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import clock
from zcasync.child import batches
from zcasync.database import waiting
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import install
from zcasync.instance.home import Home


@pytest.fixture
def db() -> Iterator[DB]:
    """A database in memory, with a data manager."""
    made = make_database(DemoStorage())
    with_manager(made)
    yield made
    made.close()


@pytest.fixture
def file_db(tmp_path: Path) -> Iterator[DB]:
    """The same in a file."""
    made = make_database(FileStorage(str(tmp_path / "Data.fs")))
    with_manager(made)
    yield made
    made.close()


def with_manager(made: DB) -> None:
    """Install a data manager."""
    session = Session(made)
    install(session.connection)
    session.commit()
    session.close()


@pytest.fixture
def connect(db: DB) -> Iterator[Connect]:
    """Opens one more session: a connection with a transaction manager of its own."""
    opened: list[Session] = []

    def open_one() -> Session:
        opened.append(Session(db))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close()


@pytest.fixture
def session(connect: Connect) -> Session:
    """One session."""
    return connect()


@pytest.fixture
def fake_clock() -> Iterator[FakeClock]:
    """The model's clock stands still until the test moves it."""
    fake = FakeClock()
    clock.set_source(fake)
    yield fake
    clock.set_source(None)


@pytest.fixture
def registry() -> Iterator[None]:
    """The global component registry, empty before and after."""
    base.__init__("base")
    yield
    base.__init__("base")


@pytest.fixture
def reactor() -> Clock:
    """A reactor that only tells the time; the test moves it."""
    return Clock()


@pytest.fixture
def seconds() -> Seconds:
    """A monotonic clock that stands still until the test moves it."""
    return Seconds()


@pytest.fixture
def said() -> Iterator[Said]:
    """What is logged during the test."""
    with capturedLogs() as events:
        yield Said(events)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder with a short name, for homes; the databases in it are audited in the end."""
    with short_folder() as made, audited(made, kinds_left(request.node)):
        yield made


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A gate for the test's jobs; open in the end, so that no job waits for ever."""
    made = Gate(tmp_path / "gate")
    yield made
    made.open()


@pytest.fixture
def make_instance(folder: Path) -> Iterator[Callable[..., Instance]]:
    """Makes instances of the test's own; they end with it."""
    made: list[Instance] = []

    def make(name: str = "home", children: int | None = 1, config: str = SHORT) -> Instance:
        made.append(Instance(folder / name, children, config))
        return made[-1]

    try:
        yield make
    finally:
        for instance in made:
            instance.end()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a folder for its data."""
    made = Home(tmp_path)
    made.var.mkdir()
    return made


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A job thread without the thread, whose pauses take no time, and whose groups all of it."""
    CALLS.clear()
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(batches, "GROUP_SECONDS", 60.0)  # the machine may be busy
    storage = Storage()
    database = DB(storage)
    made = Bench(database, storage)
    yield made
    transaction.abort()
    made.client.close()
    database.close()
