"""Savepoints do what ZODB's own do, in memory or in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import transaction
from persistent.mapping import PersistentMapping
from ZODB.blob import Blob
from ZODB.Connection import Connection, TmpStore
from ZODB.DB import DB
from ZODB.FileStorage import FileStorage

from zcasync.zeo import memory_savepoints
from zcasync.zeo.memory_savepoints import SavepointsInMemory, SavepointStore


class InMemory(SavepointsInMemory, Connection):  # type: ignore[misc]
    """A connection of ZODB's with our savepoints."""


class Database(DB):  # type: ignore[misc]
    klass = InMemory


@pytest.fixture(params=[1, 200, 1_000_000])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_savepoints, "MEMORY_BYTES", request.param)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    db = Database(FileStorage(f"{tmp_path}/Data.fs", blob_dir=f"{tmp_path}/blobs"))
    with closing(db), closing(db.open(transaction.TransactionManager())) as connection:
        yield connection


def test_a_store_has_the_attributes_of_the_original(connection: Any) -> None:
    storage = connection._storage
    with closing(SavepointStore(storage)) as store, closing(TmpStore(storage)) as original:
        assert set(vars(store)) == set(vars(original))
        assert (store.getName(), store.getSize()) == (original.getName(), original.getSize())


@pytest.mark.usefixtures("limit")
def test_what_is_rolled_back_is_gone_and_the_rest_is_committed(connection: Any) -> None:
    root, manager = connection.root(), connection.transaction_manager
    root["a"] = PersistentMapping({"text": "x" * 100})
    manager.savepoint()
    root["a"]["text"] = "y" * 100
    second = manager.savepoint()
    assert isinstance(connection._storage, SavepointStore)
    connection.cacheMinimize()
    assert root["a"]["text"] == "y" * 100  # loaded from there
    for letter in "bc":  # twice: what comes after a rollback takes the place of what was there
        root[letter] = PersistentMapping({"text": letter * 300})
        manager.savepoint()
        second.rollback()
        assert letter not in root
    root["d"] = PersistentMapping({"text": "d" * 300})
    manager.savepoint()
    manager.commit()

    connection.cacheMinimize()
    assert {name: root[name]["text"] for name in root} == {"a": "y" * 100, "d": "d" * 300}


@pytest.mark.usefixtures("limit")
def test_blobs_are_committed_and_an_abort_leaves_nothing(connection: Any) -> None:
    root, manager = connection.root(), connection.transaction_manager
    root["blob"] = Blob(b"content")
    manager.savepoint()
    manager.commit()
    root["more"] = PersistentMapping()
    manager.savepoint()
    manager.abort()

    assert root["blob"].open().read() == b"content"
    assert "more" not in root
    assert connection._storage is connection._normal_storage


def test_a_savepoint_makes_no_file(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_file(*args: Any, **options: Any) -> None:
        raise AssertionError("a file")

    monkeypatch.setattr("tempfile.TemporaryFile", no_file)
    connection.root()["a"] = 1
    connection.transaction_manager.savepoint()
    connection.transaction_manager.commit()
    assert connection.root()["a"] == 1
