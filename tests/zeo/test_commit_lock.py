"""A client whose temporary file does not fit on the disk lets the next one commit all the same."""

from __future__ import annotations

import errno

import pytest
from ZODB.Connection import TransactionMetaData
from ZODB.utils import Lock

from zcasync.zeo.client import PipelinedClientStorage


class Buffer:
    """As a file: it is closed even if what it still had cannot be written."""

    is_closed = False

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def storage() -> PipelinedClientStorage:
    """A client that has begun a commit, without a server."""
    made = PipelinedClientStorage.__new__(PipelinedClientStorage)
    made._commit_lock = Lock()
    made._commit_lock.acquire()
    return made


def test_a_commit_ends_though_its_temporary_file_cannot_be_written(
    storage: PipelinedClientStorage,
) -> None:
    transaction, buffer = TransactionMetaData(), Buffer()
    transaction.set_data(storage, buffer)
    storage.tpc_end(transaction)
    assert buffer.is_closed
    assert transaction.data(storage) is None
    assert storage._commit_lock.acquire(False)
