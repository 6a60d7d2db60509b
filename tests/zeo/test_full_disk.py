"""A server without room does not begin, and one that cannot write does not go on."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transaction import TransactionManager
from ZODB import DB
from ZODB.FileStorage import FileStorage

from zcasync.zeo.full_disk import EXIT_CANNOT_WRITE, EXIT_NO_ROOM, ROOM_BYTES, why_no_room
from zcasync.zeo.server import Server


class Exited(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The exit codes of this process, which goes on all the same."""
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        raise Exited

    monkeypatch.setattr(os, "_exit", leave)
    return codes


@pytest.fixture
def limit() -> Iterator[Any]:
    """Limits how large a file of this process may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_with_room_has_nothing_in_its_way_and_nothing_is_left(folder: Path) -> None:
    assert why_no_room(folder / "Data.fs") is None
    assert list(folder.iterdir()) == []


@pytest.mark.leaves("anything")
def test_a_file_that_may_not_grow_is_reported(folder: Path, limit: Any) -> None:
    file = folder / "Data.fs"
    file.write_bytes(b"x" * 1000)
    limit(ROOM_BYTES + 999)
    why = why_no_room(file)
    assert why is not None
    assert str(file) in why
    assert "File too large" in why
    assert "make room" in why
    limit(ROOM_BYTES + 1001)
    assert why_no_room(file) is None


def test_an_error_that_is_no_full_disk_is_raised(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        why_no_room(folder / "missing" / "Data.fs")


def test_a_server_without_room_does_not_begin(folder: Path, limit: Any) -> None:
    storage = FileStorage(str(folder / "Data.fs"))
    limit(ROOM_BYTES - 1)
    with pytest.raises(SystemExit) as raised:
        Server(str(folder / "s"), {"1": storage})
    assert raised.value.code == EXIT_NO_ROOM
    storage.close()


@pytest.mark.parametrize("step", ["store", "tpc_vote"])
def test_a_commit_that_cannot_be_written_ends_the_server_and_leaves_nothing(
    folder: Path, exits: list[int], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = folder / "Data.fs"
    DB(FileStorage(str(path))).close()  # makes the root
    size = path.stat().st_size
    storage = FileStorage(str(path))
    original = getattr(storage, step)

    def fail(*args: Any) -> Any:
        original(*args)
        storage._file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage, step, fail)
    server = Server(str(folder / "s"), {"1": storage})
    connection = DB(storage).open(transaction_manager=TransactionManager())
    connection.root()["lost"] = 1
    with pytest.raises(Exited):
        connection.transaction_manager.commit()
    assert exits == [EXIT_CANNOT_WRITE]
    assert path.stat().st_size == size
    server.close()
