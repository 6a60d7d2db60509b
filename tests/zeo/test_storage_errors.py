"""Errors are marked where a storage of the connection has raised them, and only then."""

from __future__ import annotations

from typing import Any

import pytest
import transaction
from persistent import Persistent
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from zcasync.database.errors import is_lost_by_storage
from zcasync.zeo.fenced import open_fenced
from zcasync.zeo.storage_errors import MARK, is_marked, mark


class Storage(MappingStorage):
    """Raises ``error`` in ``step``."""

    step = ""
    error: BaseException = ClientDisconnected("away")

    def _step(self, name: str) -> None:
        if name == self.step:
            raise self.error

    def loadBefore(self, oid: bytes, tid: bytes) -> Any:
        self._step("loadBefore")
        return super().loadBefore(oid, tid)

    def tpc_begin(self, *args: Any) -> None:
        self._step("tpc_begin")
        super().tpc_begin(*args)

    def tpc_vote(self, *args: Any) -> None:
        self._step("tpc_vote")
        super().tpc_vote(*args)

    def tpc_finish(self, *args: Any) -> Any:
        self._step("tpc_finish")
        return super().tpc_finish(*args)


class Loud(Persistent):
    """Raises what it is told when it is loaded, or stored."""

    error: BaseException | None = None

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state)
        if Loud.error is not None:
            raise Loud.error


def opened(storage: MappingStorage) -> Any:
    return open_fenced(DB(storage), transaction.TransactionManager())


def test_what_the_storage_raises_in_a_load_is_marked() -> None:
    storage = Storage()
    connection = opened(storage)
    connection.root()._p_deactivate()
    storage.step = "loadBefore"
    with pytest.raises(ClientDisconnected) as caught:
        connection.root()["x"]
    assert is_marked(caught.value)
    assert is_lost_by_storage(caught.value)


@pytest.mark.parametrize("step", ["tpc_begin", "tpc_vote", "tpc_finish"])
def test_what_the_storage_raises_in_a_commit_is_marked(step: str) -> None:
    storage = Storage()
    connection = opened(storage)
    connection.root()["x"] = 1
    storage.step = step
    with pytest.raises(ClientDisconnected) as caught:
        connection.transaction_manager.commit()
    assert is_lost_by_storage(caught.value)


def test_what_an_object_raises_when_it_is_loaded_is_its_own() -> None:
    connection = opened(MappingStorage())
    connection.root()["loud"] = loud = Loud()
    connection.transaction_manager.commit()
    loud._p_deactivate()
    Loud.error = ClientDisconnected("that of another storage")
    try:
        with pytest.raises(ClientDisconnected) as caught:
            loud._p_activate()
    finally:
        Loud.error = None
    mark(caught.value, connection)
    assert not is_marked(caught.value)


def test_what_another_storage_raises_is_not_of_this_one() -> None:
    other, connection = Storage(), opened(MappingStorage())
    there = opened(other)
    there.root()._p_deactivate()
    other.step = "loadBefore"
    with pytest.raises(ClientDisconnected) as caught:
        there.root()["x"]
    setattr(caught.value, MARK, False)  # as an ordinary connection leaves it
    mark(caught.value, connection)
    assert not is_marked(caught.value)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (OSError(28, "No space left on device"), True),
        (ConnectionResetError(104, "reset"), True),
        (FileNotFoundError(2, "a blob's file"), False),
        (ValueError("no error of storages"), False),
    ],
    ids=repr,
)
def test_not_all_that_a_storage_raises_passes(error: Exception, is_lost: bool) -> None:
    storage = Storage()
    connection = opened(storage)
    connection.root()["x"] = 1
    storage.step, storage.error = "tpc_vote", error
    with pytest.raises(type(error)) as caught:
        connection.transaction_manager.commit()
    assert is_marked(caught.value)
    assert is_lost_by_storage(caught.value) is is_lost
