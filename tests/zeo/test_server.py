"""A server does not outlive a storage that has closed itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ZODB import DB
from ZODB.Connection import TransactionMetaData
from ZODB.FileStorage import FileStorage
from ZODB.utils import p64, z64

from zcasync.zeo.server import EXIT_STORAGE_CLOSED, Server


def test_a_server_ends_with_its_storage_and_closes_it_when_it_ends_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr(os, "_exit", left.append)
    storage = FileStorage(str(folder / "Data.fs"))
    server = Server(str(folder / "s"), {"1": storage})

    storage.close()
    assert left == [EXIT_STORAGE_CLOSED]

    left.clear()
    server.close()
    assert left == []


def test_a_commit_that_was_taken_off_the_file_is_not_the_last_one(folder: Path) -> None:
    path, copy = folder / "Data.fs", folder / "copy" / "Data.fs"
    storage = FileStorage(str(path))
    DB(storage)
    last = storage.lastTransaction()
    unfinished = TransactionMetaData()
    storage.tpc_begin(unfinished)
    storage.store(p64(9), z64, b"x", "", unfinished)
    storage.tpc_vote(unfinished)
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    storage.tpc_abort(unfinished)
    storage.close()

    storage = FileStorage(str(copy))
    assert storage.lastTransaction() > last, "ZODB has been mended"
    server = Server(str(folder / "s"), {"1": storage})
    assert storage.lastTransaction() == last
    server.close()


def test_a_new_storage_has_no_last_commit(folder: Path) -> None:
    storage = FileStorage(str(folder / "Data.fs"))
    server = Server(str(folder / "s"), {"1": storage})
    assert storage.lastTransaction() == z64
    server.close()
