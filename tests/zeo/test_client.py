"""How a client begins a commit and ends it, without a server."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected
from ZODB.Connection import TransactionMetaData
from ZODB.POSException import ReadOnlyError, StorageTransactionError
from ZODB.utils import Lock

from zcasync.zeo.client import PipelinedClientStorage
from zcasync.zeo.memory_buffers import CommitBuffer


class Buffer:
    """As a file: it is closed even if what it still had cannot be written."""

    is_closed = False

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def said() -> list[tuple[Any, ...]]:
    """What the client has said to its server."""
    return []


@pytest.fixture
def storage(said: list[tuple[Any, ...]]) -> PipelinedClientStorage:
    """A client that has just been connected."""
    made = PipelinedClientStorage.__new__(PipelinedClientStorage)
    made._is_read_only = False
    made._connection_generation = 3
    made._commit_lock = Lock()
    made._async = lambda *message: said.append(message)
    return made


def test_a_commit_begins_with_a_buffer_in_memory(
    storage: PipelinedClientStorage, said: list[tuple[Any, ...]]
) -> None:
    transaction = TransactionMetaData("me", "what", {"more": 1})
    storage.tpc_begin(transaction, b"tid", "p")

    buffer = transaction.data(storage)
    assert type(buffer) is CommitBuffer
    assert buffer.connection_generation == 3
    assert said == [("tpc_begin", id(transaction), b"me", b"what", {"more": 1}, b"tid", "p")]
    assert not storage._commit_lock.acquire(False), "nobody else commits meanwhile"
    with pytest.raises(StorageTransactionError):
        storage.tpc_begin(transaction)
    storage.tpc_end(transaction)
    storage.tpc_begin(transaction)
    storage.tpc_end(transaction)


def test_a_commit_of_a_recovery_begins_as_zeo_does_it(storage: PipelinedClientStorage) -> None:
    class Recovered:
        user, description, extension = b"", b"", {}

    transaction: Any = Recovered()
    storage.tpc_begin(transaction)
    assert not storage._commit_lock.acquire(False)
    storage.tpc_end(transaction)
    assert transaction.data(storage) is None


def test_a_client_that_may_not_write_begins_no_commit(storage: PipelinedClientStorage) -> None:
    storage._is_read_only = True
    with pytest.raises(ReadOnlyError):
        storage.tpc_begin(TransactionMetaData())
    assert storage._commit_lock.acquire(False)


def test_a_commit_that_cannot_begin_lets_the_next_one_begin(
    storage: PipelinedClientStorage,
) -> None:
    def away(*message: Any) -> None:
        raise ClientDisconnected

    storage._async = away
    transaction = TransactionMetaData()
    with pytest.raises(ClientDisconnected):
        storage.tpc_begin(transaction)
    assert transaction.data(storage) is None
    assert storage._commit_lock.acquire(False)


def test_a_commit_ends_though_its_temporary_file_cannot_be_written(
    storage: PipelinedClientStorage,
) -> None:
    transaction, buffer = TransactionMetaData(), Buffer()
    storage._commit_lock.acquire()
    transaction.set_data(storage, buffer)
    storage.tpc_end(transaction)
    assert buffer.is_closed
    assert transaction.data(storage) is None
    assert storage._commit_lock.acquire(False)
