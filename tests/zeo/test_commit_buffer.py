"""A client's buffer of a commit: the same records as ZEO's own one has, in memory or in a file."""

from __future__ import annotations

from typing import Any

import pytest
import ZEO.ClientStorage
from ZEO.TransactionBuffer import TransactionBuffer

from zcasync.zeo import client as sending
from zcasync.zeo import memory_buffers as commit_buffer
from zcasync.zeo.memory_buffers import CommitBuffer

A, B, C, D = (bytes(7) + name for name in (b"a", b"b", b"c", b"d"))


def fill(buffer: Any) -> None:
    buffer.store(A, b"x" * 100)
    buffer.store(B, b"first")
    buffer.store(C, None)
    buffer.resolve(B, b"resolved")
    buffer.server_resolve(A)
    buffer.server_resolve(D)
    buffer.storeBlob(C, "file")


@pytest.mark.parametrize("limit", [1, 110, 10_000])
def test_a_commit_buffer_holds_the_records_it_was_given(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(commit_buffer, "MEMORY_BYTES", limit)
    buffer, expected = CommitBuffer(7), TransactionBuffer(7)
    fill(buffer)
    fill(expected)

    for _ in range(2):
        assert list(buffer) == list(expected)
    buffer.close()
    expected.close()
    assert {k: v for k, v in vars(buffer).items() if k not in ("file", "pickler")} == {
        k: v for k, v in vars(expected).items() if k not in ("file", "pickler")
    }


def test_clients_use_the_commit_buffer() -> None:
    assert sending.PipelinedClientStorage.tpc_begin.__globals__["TransactionBuffer"] is CommitBuffer
    assert ZEO.ClientStorage.TransactionBuffer is CommitBuffer
