"""A PostgreSQL server that the tests of this folder share, with a database for each of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from tests.integrations.relstorage.homes import audit_database, home_config
from tests.support.audits import kinds_left
from tests.support.instance import RUNNING, Instance, short_folder
from tests.support.postgres import Postgres, why_not

MISSING = why_not()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no PostgreSQL."""
    if MISSING is None:
        return
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server; a test that stops it or changes what it does has one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="zcpg", dir="/tmp"))  # beyond any module
    server = Postgres(folder)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server of a test's own."""
    with short_folder() as folder:
        server = Postgres(folder)
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture(params=[False, True], ids=["history-free", "history-preserving"])
def keep_history(request: pytest.FixtureRequest) -> bool:
    """Whether the database keeps old revisions; the tests that ask for it run with both."""
    return bool(request.param)


class Database:
    """A database of a test's own, and homes that have it.

    ``keeps_history``: whether it keeps old revisions.
    """

    def __init__(
        self, server: Postgres, make_instance: Callable[..., Instance], keeps_history: bool = True
    ) -> None:
        self.server = server
        self.name = server.make_database()
        self.keeps_history = keeps_history
        self._make = make_instance

    @property
    def dsn(self) -> str:
        """How to connect to it."""
        return self.server.dsn(self.name)

    def home(
        self,
        name: str = "home",
        children: int | None = 1,
        storage: str = "",
        settings: str = "",
        dsn: str = "",
    ) -> Instance:
        """A supervisor that works on it, not started."""
        config = home_config(dsn or self.dsn, self.keeps_history, storage, settings)
        return self._make(name, children, config)

    def home_of(self, config: str, name: str = "home") -> Instance:
        """One with this configuration, where ``{home}`` stands for a folder beside it."""
        made = self._make(name, 1, "")
        (made.home / "etc" / "zcasync.conf").write_text(
            config.replace("{home}", str(made.home.with_name(f"{name}.blobs")))
        )
        return made

    def ask(self, statement: str) -> str:
        """What a statement returns."""
        return self.server.ask(statement, self.name)

    def cut(self) -> None:
        """Cut all connections to it."""
        self.ask(CUT)

    def audit(self, kinds: Collection[str] = ()) -> None:
        """Fail when an audit finds something, once nobody works on it any more."""
        if self.ask("SELECT to_regclass('object_state')"):
            audit_database(self.dsn, self.keeps_history, kinds)


CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _database(
    server: Postgres, request: pytest.FixtureRequest, make_instance: Callable[..., Instance]
) -> Iterator[Database]:
    keeps = request.getfixturevalue("keep_history") if _asks(request) else True
    made = Database(server, make_instance, keeps)
    try:
        yield made
        for instance in list(RUNNING):
            instance.end()
        made.audit(kinds_left(request.node))
    finally:
        server.drop_database(made.name)


def _asks(request: pytest.FixtureRequest) -> bool:
    return "keep_history" in request.fixturenames


@pytest.fixture
def database(
    postgres: Postgres, request: pytest.FixtureRequest, make_instance: Callable[..., Instance]
) -> Iterator[Database]:
    """An empty database of the test's own, audited in the end."""
    yield from _database(postgres, request, make_instance)


@pytest.fixture
def own_database(
    own_postgres: Postgres, request: pytest.FixtureRequest, make_instance: Callable[..., Instance]
) -> Iterator[Database]:
    """The same at a server of the test's own."""
    yield from _database(own_postgres, request, make_instance)
