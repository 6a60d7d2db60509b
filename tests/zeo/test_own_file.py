"""A database server ends when its file was replaced or removed, and only then."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.FileStorage import FileStorage

from tests.processes.servers import Server
from tests.support.instance import ROOT
from zcasync.testing.waiting import wait_until
from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.own_file import EXIT_FILE_REPLACED, OwnFile


class Looping:
    """An event loop that never runs."""

    def call_later(self, *args: Any) -> None:
        """Do nothing."""

    call_soon_threadsafe = call_later


class Watched:
    """A storage whose file is watched, and a database over it; ``codes``: with which it ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.codes: list[int] = []
        self.storage = FileStorage(str(path))
        self.file = OwnFile("1", self.storage, self._end)
        self.file.watch(Looping())
        self.db = DB(self.storage)
        self.commit("first")

    def _end(self, code: int) -> None:
        self.codes.append(code)
        self.file.close()
        raise SystemExit(code)

    def commit(self, name: str) -> None:
        with self.db.transaction() as connection:
            connection.root()[name] = name * 100

    def ends(self) -> None:
        """Require that the next look ends the process."""
        with pytest.raises(SystemExit):
            self.file.check()
        assert self.codes == [EXIT_FILE_REPLACED]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "Data.fs")
    yield made
    made.db.close()


def copy_over(watched: Watched) -> None:
    """What ``cp backup Data.fs`` does; the file stays the same, but for its content."""
    backup = shutil.copy(watched.path, watched.path.with_name("backup"))
    watched.commit("lost")
    shutil.copyfile(backup, watched.path)


def copy_larger_over(watched: Watched) -> None:
    """The same with a file that is larger than the one that is served."""
    other = watched.path.with_name("other")
    db = DB(FileStorage(str(other)))
    for number in range(50):
        with db.transaction() as connection:
            connection.root()["name"] = "x" * number * 100
    db.close()
    shutil.copyfile(other, watched.path)


def rename_over(watched: Watched) -> None:
    shutil.copy(watched.path, watched.path.with_name("new")).replace(watched.path)


def remove(watched: Watched) -> None:
    watched.path.unlink()


def move_away(watched: Watched) -> None:
    watched.path.rename(watched.path.with_name("away"))


CHANGES = [copy_over, copy_larger_over, rename_over, remove, move_away]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_another_one_ends_the_server(
    watched: Watched, change: Callable[[Watched], None]
) -> None:
    change(watched)
    watched.ends()


@pytest.mark.parametrize("change", CHANGES)
def test_no_commit_is_confirmed_then(watched: Watched, change: Callable[[Watched], None]) -> None:
    change(watched)
    with pytest.raises(SystemExit):
        watched.commit("second")
    assert watched.codes == [EXIT_FILE_REPLACED]


def test_no_commit_is_confirmed_whose_file_goes_while_it_is_written(watched: Watched) -> None:
    class Removes:
        """A participant that votes last."""

        def sortKey(self) -> str:
            return "~"

        def tpc_begin(self, txn: Any) -> None:
            """Nothing."""

        commit = tpc_finish = abort = tpc_abort = tpc_begin

        def tpc_vote(self, txn: Any) -> None:
            watched.path.unlink()

    manager = transaction.TransactionManager()
    connection = watched.db.open(manager)
    connection.root()["second"] = 2
    manager.get().join(Removes())
    with pytest.raises(SystemExit):
        manager.commit()
    assert watched.codes == [EXIT_FILE_REPLACED]


def test_what_a_removed_file_held_is_kept(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    content = watched.path.read_bytes()
    remove(watched)
    watched.ends()
    (kept,) = watched.path.parent.glob("Data.fs.unlinked-*")
    assert kept.read_bytes() == content
    (said,) = [one for one in caplog.records if one.levelname == "CRITICAL"]
    assert "was removed under its running server" in said.getMessage()
    assert str(kept) in said.getMessage()


def test_commits_packs_and_undos_are_no_reason(watched: Watched) -> None:
    for number in range(3):
        watched.commit(f"name {number}")
        watched.file.check()
        watched.db.pack()
        watched.file.check()
    watched.commit("again")
    manager = transaction.TransactionManager()
    watched.db.undo(watched.db.undoInfo(0, 1)[0]["id"], manager.begin())
    manager.commit()
    watched.file.check()
    manager.begin()
    connection = watched.db.open(manager)
    connection.root()["aborted"] = True
    manager.abort()
    connection.close()
    watched.file.check()
    assert watched.codes == []


def test_a_look_in_the_middle_of_a_pack_waits_for_it(watched: Watched) -> None:
    renamed = os.rename
    seen = []

    def rename(*args: Any) -> None:
        renamed(*args)
        seen.append(watched.storage._lock._is_owned())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.rename", rename)
        watched.commit("second")
        watched.db.pack()
    assert seen[:2] == [True, True], "both renames happen under the lock that a look takes"


def test_a_folder_that_cannot_be_read_is_no_reason(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stat(path: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr("zcasync.zeo.own_file.os.stat", stat)
    watched.file.check()
    assert watched.codes == []


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, [ROOT], module="zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


def ended_with(server: Server) -> int | None:
    wait_until(lambda: not server.is_alive, "the server to end")
    return server.exit_code


def test_an_idle_server_ends_by_itself(server: Server) -> None:
    (server.folder / "zc.async.fs").unlink()
    assert ended_with(server) == EXIT_FILE_REPLACED
    said = (server.folder / "zeo.out").read_text()
    assert said.count("was removed under its running server, which takes no more commits") == 1


def test_no_put_into_a_removed_file_is_acknowledged(server: Server) -> None:
    db = DB(PipelinedClientStorage(("127.0.0.1", server.port), wait_timeout=2))
    server.send(signal.SIGSTOP)  # so that it has no time to look by itself
    (server.folder / "Data.fs").unlink()
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    connection.root()["lost"] = True
    server.send(signal.SIGCONT)
    with pytest.raises(ClientDisconnected):
        manager.commit()
    assert ended_with(server) == EXIT_FILE_REPLACED
    manager.abort()
    db.close()
