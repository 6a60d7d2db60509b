"""Opening databases; records whose classes cannot be imported."""

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.MappingStorage import MappingStorage

import zcasync
from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.database import opening
from zcasync.database.client import open_client, open_for_reading
from zcasync.database.missing_classes import class_factory, make_database
from zcasync.database.opening import open_databases
from zcasync.database.sync import catch_up, connected, manager_database
from zcasync.datamanager import install
from zcasync.errors import ConfigurationError, MissingCallable, NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, load

SHORT_SECONDS = 0.2


@pytest.fixture
def home(folder: Path) -> Home:
    """A home that nobody serves."""
    made = Home(folder)
    made.create()
    return made


def configured(home: Home, text: str) -> Configuration:
    home.config_file.write_text(text)
    return load(home)


def filestorage(name: str, path: Path) -> str:
    return f"<zodb {name}>\n<filestorage>\npath {path}\n</filestorage>\n</zodb>\n".replace(
        " >", ">"
    )


def test_a_home_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no instance home at"):
        zcasync.open(folder / "nothing")


def test_a_home_that_nobody_serves_says_how_to_start_a_supervisor(home: Home) -> None:
    for ask in (zcasync.open, open_client):
        with pytest.raises(NotRunning, match=r"no supervisor serves .* zcasync run --home"):
            ask(home.path)


def test_a_socket_that_was_left_behind_serves_nobody(home: Home) -> None:
    for path in (home.zeo_socket, home.control_socket):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    began = time.monotonic()

    with pytest.raises(NotRunning):
        zcasync.open(home.path)
    assert time.monotonic() - began < 10


def test_a_wait_for_a_supervisor_without_its_database_server_fails(home: Home) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home.control_socket))
        listening.listen()
        with pytest.raises(StorageAway, match="no database server answers at"):
            open_client(home.path, SHORT_SECONDS)


def test_the_home_is_found_in_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(home.path))
    with pytest.raises(NotRunning, match=str(home.path)):
        zcasync.open()


def test_an_unserved_home_is_read_from_its_file(home: Home) -> None:
    with pytest.raises(NotRunning):
        open_for_reading(home, SHORT_SECONDS)
    db = DB(FileStorage(str(home.data_fs)))
    with db.transaction() as connection:
        install(connection)
    db.close()

    db = open_for_reading(home, SHORT_SECONDS)
    with connected(db) as connection:
        assert connection.root()["zc.async.datamanager"].thread is not None
    assert db.storage.isReadOnly()
    db.close()


@pytest.mark.parametrize("text", [b"", b"garbage" * 100])
@pytest.mark.leaves("anything")
def test_a_file_that_is_no_database_is_an_answer(home: Home, text: bytes) -> None:
    home.data_fs.write_bytes(text)

    with pytest.raises((NotRunning, ConfigurationError)) as raised:
        open_for_reading(home, SHORT_SECONDS)
    assert str(home.path) in str(raised.value)


def test_databases_of_a_configuration_are_opened(home: Home) -> None:
    text = filestorage("zc.async", home.var / "a.fs") + filestorage("", home.var / "m.fs")
    db = open_databases(home, configured(home, text), SHORT_SECONDS)

    assert set(db.databases) == {db.database_name, "zc.async"}
    assert manager_database(db) is db.databases["zc.async"]
    with connected(db) as connection:
        assert connection.db() is manager_database(db)
        assert connection.transaction_manager is not transaction.manager
    catch_up(db)
    for one in list(db.databases.values()):
        one.close()


def test_a_single_database_holds_the_data_manager_itself(home: Home) -> None:
    db = open_databases(home, configured(home, filestorage("", home.var / "m.fs")), SHORT_SECONDS)

    assert manager_database(db) is db
    db.close()


def test_a_database_that_another_process_has_open_is_named(home: Home) -> None:
    storage = FileStorage(str(home.var / "m.fs"))
    with pytest.raises(ConfigurationError, match=r"database 'main' cannot be opened: LockError"):
        open_databases(home, configured(home, filestorage("", home.var / "m.fs")), SHORT_SECONDS)
    storage.close()


def test_a_file_that_is_no_file_storage_is_named_and_the_other_database_is_closed(
    home: Home,
) -> None:
    (home.var / "a.fs").write_bytes(b"garbage" * 100)
    text = filestorage("zc.async", home.var / "a.fs") + filestorage("", home.var / "m.fs")

    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"database 'zc\.async' cannot be opened"):
            open_databases(home, configured(home, text), SHORT_SECONDS)


def test_a_server_that_does_not_answer_is_away(home: Home) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        text = f"<zodb>\n<zeoclient>\nserver 127.0.0.1:{port}\n</zeoclient>\n</zodb>\n"
        with pytest.raises(StorageAway, match="the server of database 'main' does not answer"):
            open_databases(home, configured(home, text), SHORT_SECONDS)


# classes that cannot be imported


class Workshop:
    """A module that comes and goes, and a file storage with records that need it."""

    name = "vanishing_module"

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{self.name}.py"
        self._data = str(folder / "Data.fs")
        self.write(
            "from persistent import Persistent\n"
            "from zcasync.partial import Partial\n"
            "class Plain: pass\n"
            "class Stored(Persistent): pass\n"
            "class MyPartial(Partial): pass\n"
        )

    def write(self, code: str | None) -> None:
        """Change the module; None removes it."""
        self.forget()
        if code is None:
            self._file.unlink()
        else:
            self._file.write_text(code)

    def forget(self) -> None:
        """As if this process had not imported it."""
        from ZODB import broken

        sys.modules.pop(self.name, None)
        for cache in self._file.parent.glob("__pycache__/*"):
            cache.unlink()
        for key in [key for key in broken.broken_cache if self.name in key[0]]:
            del broken.broken_cache[key]

    def open(self) -> Session:
        return Session(make_database(FileStorage(self._data)))

    def close(self, session: Session) -> None:
        session.close()
        session.connection.db().close()


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.syspath_prepend(str(tmp_path))
    made = Workshop(tmp_path)
    session = made.open()
    install(session.connection)
    session.commit()
    made.close(session)
    yield made
    made.forget()


GONE = [None, "class Other: pass\n", "def broken(:\n", "1 / 0\n", "import no_such_module\n"]


@pytest.mark.parametrize("code", GONE)
def test_an_argument_whose_class_has_vanished_survives_and_comes_back(
    workshop: Workshop, code: str | None, tmp_path: Path
) -> None:
    good = (tmp_path / "vanishing_module.py").read_text()
    session = workshop.open()
    import vanishing_module

    plain, stored = vanishing_module.Plain(), vanishing_module.Stored()
    plain.value, stored.value = 1, 2
    session.queue.put(Partial(samples.echo, plain, stored))
    session.commit()
    workshop.close(session)

    workshop.write(code)
    session = workshop.open()
    [partial] = session.claim()
    session.activate_claimed(partial)
    partial.annotations["seen"] = True
    partial.release()
    session.queue.release(session.activate_claimed(partial))
    session.commit()
    workshop.close(session)

    workshop.write(good)
    session = workshop.open()
    [partial] = session.claim()
    assert [type(argument).__name__ for argument in partial.args] == ["Plain", "Stored"]
    assert [argument.value for argument in partial.args] == [1, 2]
    assert type(partial.args[0]).__module__ == "vanishing_module"
    workshop.close(session)


@pytest.mark.parametrize("code", GONE)
def test_a_partial_whose_class_has_vanished_is_quarantined_and_comes_back(
    workshop: Workshop, code: str | None, tmp_path: Path
) -> None:
    good = (tmp_path / "vanishing_module.py").read_text()
    session = workshop.open()
    import vanishing_module

    partial = session.queue.put(Partial(samples.nothing))
    partial.__class__ = vanishing_module.MyPartial
    behind = session.queue.put(samples.nothing)._p_oid
    session.commit()
    workshop.close(session)

    workshop.write(code)
    session = workshop.open()
    claimed = session.queue.claim(ONE.bytes, 10)
    session.commit()
    [(_, problem)] = claimed.broken
    assert "vanishing_module.MyPartial cannot be imported" in problem
    assert [partial._p_oid for partial in claimed.partials] == [behind]
    assert (list(session.queue), len(session.queue)) == ([], 1)
    workshop.close(session)

    workshop.write(good)
    session = workshop.open()
    assert session.queue.retry_broken() == 1
    [partial] = session.claim()
    assert type(partial).__name__ == "MyPartial"
    workshop.close(session)


@pytest.mark.parametrize("code", GONE)
def test_a_method_whose_class_has_vanished_fails_and_says_so(
    workshop: Workshop, code: str | None, tmp_path: Path
) -> None:
    code_of_all = (tmp_path / "vanishing_module.py").read_text()
    workshop.write(code_of_all.replace("(Partial): pass", "(Partial):\n    def do(self): pass"))
    session = workshop.open()
    import vanishing_module

    stored = session.root["stored"] = vanishing_module.MyPartial(samples.nothing)
    session.root["partial"] = Partial(stored.do)
    session.commit()
    workshop.close(session)

    workshop.write(code)
    session = workshop.open()
    partial = session.root["partial"]
    assert partial().check(MissingCallable)
    assert partial.state == "completed"
    workshop.close(session)


def test_a_class_that_can_be_imported_is_itself() -> None:
    assert class_factory(None, "zcasync.partial", "Partial") is Partial


class Doubtful(MappingStorage):
    """Loses the answers to its first commits; ``arrives``: they are there all the same."""

    def __init__(self, lost: int, arrives: bool) -> None:
        super().__init__()
        self.lost, self.arrives, self.commits = lost, arrives, 0

    def tpc_finish(self, *args: Any) -> Any:
        is_lost = self.lost > 0
        self.lost -= is_lost
        if is_lost and not self.arrives:
            raise ClientDisconnected("before the root was written")
        tid = super().tpc_finish(*args)
        self.commits += 1
        if is_lost:
            raise ClientDisconnected("after the root was written")
        return tid


@pytest.mark.parametrize("arrives", [True, False])
def test_a_new_database_is_opened_though_the_answer_about_its_root_is_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch, arrives: bool
) -> None:
    storage = Doubtful(1, arrives)
    monkeypatch.setattr(opening, "_client", lambda home, timeout: storage)

    db = open_databases(home, load(home), timeout=10)

    with connected(db) as connection:
        assert dict(connection.root()) == {}
    assert (storage.commits, storage.lost) == (1, 0)
    db.close()


def test_a_new_database_that_does_not_answer_in_time_is_away(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Doubtful(1000, arrives=False)
    monkeypatch.setattr(opening, "_client", lambda home, timeout: storage)

    with pytest.raises(StorageAway, match="does not answer"):
        open_databases(home, load(home), timeout=SHORT_SECONDS)
    assert not storage.opened()


def test_a_client_whose_supervisor_was_just_killed_waits_no_longer_than_it_listens(
    home: Home,
) -> None:
    """The kernel takes a moment to end a process, and until then its sockets accept."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(home.control_socket))
        listener.listen()
        ending = threading.Thread(target=lambda: (listener.accept(), listener.close()))
        ending.start()
        with pytest.raises(NotRunning):
            open_client(home.path, timeout=600.0)
        ending.join()
