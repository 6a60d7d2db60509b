"""A client compares the history that it has seen with the server's, with real servers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSError

from tests.jobs import basic as jobs
from tests.processes.servers import Server
from tests.support.instance import ROOT
from zcasync.datamanager import install
from zcasync.errors import FencedError, HistoryChanged
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until
from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.history import compare_at_connect


class App:
    """An application's client; ``plain``: its storage is ZEO's own."""

    def __init__(self, port: int, plain: bool = False, **options: Any) -> None:
        kind = ClientStorage if plain else PipelinedClientStorage
        options.setdefault("storage", "1")
        self.storage = kind(("127.0.0.1", port), wait_timeout=10, **options)
        self.db = DB(self.storage)
        compare_at_connect(self.db)

    def write(self, name: str = "name", value: Any = None) -> bytes:
        """Commit something; return the transaction's id."""
        manager = transaction.TransactionManager()
        connection = self.db.open(manager)
        connection.root()[name] = value
        manager.commit()
        connection.close()
        return self.storage.lastTransaction()

    def read(self, name: str = "name") -> Any:
        """Return what is in the root."""
        manager = transaction.TransactionManager()
        connection = self.db.open(manager)
        try:
            return connection.root()[name]
        finally:
            manager.abort()
            connection.close()

    def read_again(self, name: str = "name") -> Any:
        """Return what is in the root of the server that has come back."""
        self._server_is_asked()
        return self.read(name)

    def _server_is_asked(self) -> None:
        until = time.monotonic() + 20
        while True:
            try:
                self.storage.ping()
                return
            except ClientDisconnected:
                assert time.monotonic() < until

    def refuses(self) -> str:
        """Require that nothing can be read, or written, any more; return why."""
        with pytest.raises(HistoryChanged):
            self._server_is_asked()
        with pytest.raises(HistoryChanged) as reading:
            self.read()
        with pytest.raises(HistoryChanged):
            self.write()
        with pytest.raises(HistoryChanged):
            self.storage.ping()
        assert not self.storage.is_connected()
        return str(reading.value)

    def has_heard(self, tid: bytes) -> None:
        """Wait until it knows of a commit."""
        wait_until(lambda: self.storage.lastTransaction() >= tid, "the commit to be heard")


@pytest.fixture
def plain() -> bool:
    """Whether server and client are ZEO's own."""
    return False


@pytest.fixture
def server(plain: bool, folder: Path) -> Iterator[Server]:
    made = Server(folder, [ROOT], module="ZEO.runzeo" if plain else "zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


MakeApp = Callable[..., App]


@pytest.fixture
def make_app(server: Server, plain: bool) -> Iterator[MakeApp]:
    made: list[App] = []

    def make(**options: Any) -> App:
        made.append(App(server.port, plain, **options))
        return made[-1]

    yield make
    for app in made:
        app.db.close()


def data_fs(server: Server) -> Path:
    return server.folder / "Data.fs"


def backup(server: Server) -> Path:
    """Copy the server's file, while it runs."""
    return Path(shutil.copy(data_fs(server), server.folder / "backup.fs"))


def put_back(server: Server, copy: Path | None) -> None:
    """Put a copy in the place of a stopped server's file; None: begin anew."""
    for name in ("Data.fs", "Data.fs.index"):
        (server.folder / name).unlink(missing_ok=True)
    if copy is not None:
        shutil.copy(copy, data_fs(server))


def commit_into(file: Path, *names: str) -> None:
    """Commit to a file that no server has open."""
    db = DB(FileStorage(str(file)))
    for name in names:
        with db.transaction() as connection:
            connection.root()[name] = name
    db.close()


#: With ZEO's own server and client, too.
both = pytest.mark.parametrize("plain", [False, True], ids=["ours", "plain"])


@both
def test_an_older_backup_is_noticed(server: Server, make_app: MakeApp) -> None:
    app = make_app()
    app.write()
    copy = backup(server)
    lost = app.write("lost")
    server.stop()
    put_back(server, copy)
    server.start()
    said = app.refuses()
    assert f"0x{lost.hex()}" in said
    assert "older backup" in said


@both
def test_an_older_backup_is_noticed_although_others_have_committed_since(
    server: Server, make_app: MakeApp
) -> None:
    app = make_app()
    app.write()
    copy = backup(server)
    app.write("lost")
    server.stop()
    put_back(server, copy)
    commit_into(data_fs(server), "first", "second")
    server.start()
    app.refuses()


@both
def test_a_packed_backup_is_noticed_although_others_have_committed_since(
    server: Server, make_app: MakeApp
) -> None:
    app = make_app()
    app.write()
    app.db.pack()
    copy = backup(server)
    app.write("lost")
    server.stop()
    put_back(server, copy)
    commit_into(data_fs(server), "first")
    server.start()
    app.refuses()


@both
def test_a_lost_commit_of_another_client_is_noticed(server: Server, make_app: MakeApp) -> None:
    app, other = make_app(), make_app()
    other.write()
    copy = backup(server)
    app.has_heard(other.write("lost"))
    app.has_heard(other.write("lost", 2))
    server.stop()
    put_back(server, copy)
    commit_into(data_fs(server), "first")
    server.start()
    app.refuses()


@both
@pytest.mark.parametrize("names", [(), ("one", "other")], ids=["empty", "in use"])
def test_another_database_is_noticed(
    server: Server, make_app: MakeApp, names: tuple[str, ...]
) -> None:
    app = make_app()
    app.write()
    server.stop()
    put_back(server, None)
    commit_into(data_fs(server), *names)
    server.start()
    app.refuses()


def test_another_database_that_is_older_is_noticed(
    server: Server, make_app: MakeApp, tmp_path: Path
) -> None:
    commit_into(tmp_path / "other.fs", "one", "other")
    app = make_app()
    app.write()
    server.stop()
    put_back(server, tmp_path / "other.fs")
    server.start()
    app.refuses()


def test_a_client_of_the_applications_own_compares_from_its_first_put_on(server: Server) -> None:
    db = DB(ClientStorage(("127.0.0.1", server.port)))
    with db.transaction() as connection:
        install(connection)
    copy = backup(server)
    with db.transaction() as connection:
        install(connection).thread.put(Partial(jobs.nothing))
    server.stop()
    put_back(server, copy)
    server.start()
    with pytest.raises(HistoryChanged):
        db.storage.ping()
    db.close()


def test_who_has_waited_for_the_server_gets_the_reason(server: Server, make_app: MakeApp) -> None:
    app = make_app()
    copy = backup(server)
    app.write("lost")
    server.stop()
    put_back(server, copy)
    wait_until(lambda: not app.storage.is_connected(), "the client to notice")
    server.launch()
    with pytest.raises(HistoryChanged):
        app.storage.ping()


# no alarm


@both
def test_a_server_that_is_started_again_is_the_same(server: Server, make_app: MakeApp) -> None:
    app, idle = make_app(), make_app()
    idle.has_heard(app.write(value=0))
    for number in range(2):
        server.kill() if number % 2 else server.stop()
        server.start()
        assert app.read_again() == number
        idle.has_heard(app.write(value=number + 1))
        assert idle.read_again() == number + 1
    assert idle.read_again() == 2


@both
def test_commits_that_were_missed_are_no_other_history(server: Server, make_app: MakeApp) -> None:
    app = make_app()
    app.write("mine", 1)
    server.stop()
    commit_into(data_fs(server), *(f"name {number}" for number in range(150)))  # > the queue's 100
    server.start()
    assert app.read_again("mine") == 1
    app.write("mine", 2)


@pytest.mark.parametrize("name", ["mine", "other"])
@both
def test_what_a_pack_has_removed_is_no_other_history(
    server: Server, make_app: MakeApp, name: str
) -> None:
    app = make_app()
    app.write("mine", 1)
    server.stop()
    db = DB(FileStorage(str(data_fs(server))))
    for _ in range(3):
        with db.transaction() as connection:
            connection.root()[name] = "changed"
    db.pack()
    with db.transaction() as connection:
        connection.root()["since"] = True
    db.close()
    server.start()
    assert app.read_again("since")
    app.write("mine", 2)


def test_an_undo_is_no_other_history(server: Server, make_app: MakeApp) -> None:
    app = make_app()
    app.write("mine", 1)
    app.write("mine", 2)
    manager = transaction.TransactionManager()
    app.db.undo(app.db.undoInfo(0, 1)[0]["id"], manager.begin())
    manager.commit()
    server.stop()
    server.start()
    assert app.read_again("mine") == 1


@both
def test_a_commit_that_writes_nothing_is_no_other_history(
    server: Server, make_app: MakeApp
) -> None:
    app = make_app()
    app.write("mine", 1)
    manager = transaction.TransactionManager()
    connection = app.db.open(manager)
    for _ in range(2):
        manager.begin()
        connection._register()  # as the fence of another database's connection does it
        connection.readCurrent(connection.root())
        manager.commit()
    connection.close()
    server.stop()
    server.start()
    assert app.read_again("mine") == 1
    app.write("mine", 2)


def test_each_storage_of_a_server_has_its_own_history(server: Server, make_app: MakeApp) -> None:
    first, second = make_app(), make_app(storage="2")
    copy = backup(server)
    second.write("mine", 1)
    first.write("lost")
    server.stop()
    put_back(server, copy)
    server.start()
    first.refuses()
    assert second.read_again("mine") == 1


def test_a_cache_file_of_another_history_is_cleared_at_the_first_connect(
    server: Server, make_app: MakeApp, tmp_path: Path
) -> None:
    options = {"client": "kept", "var": str(tmp_path)}
    app = make_app(**options)
    app.write("mine", 1)
    copy = backup(server)
    app.write("mine", 2)
    assert app.read("mine") == 2
    app.db.close()
    assert (tmp_path / "kept-1.zec").exists()
    server.stop()
    put_back(server, copy)
    server.start()
    app = make_app(**options)
    assert app.read_again("mine") == 1
    app.write("mine", 3)


def test_a_cache_file_of_the_same_history_is_used_on(
    server: Server, make_app: MakeApp, tmp_path: Path
) -> None:
    options = {"client": "kept", "var": str(tmp_path)}
    app = make_app(**options)
    app.write("mine", 1)
    app.db.close()
    app = make_app(**options)
    assert app.storage._server.client.verify_result == "Cache up to date"
    assert app.read("mine") == 1


def test_the_error_is_one_that_is_not_to_be_tried_again() -> None:
    assert issubclass(HistoryChanged, FencedError)
    assert not issubclass(HistoryChanged, POSError | OSError)
