"""What both sides keep of a commit is what ZEO's own buffers keep, in memory or in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ZEO.runzeo
import ZEO.StorageServer
from ZEO.TransactionBuffer import TransactionBuffer
from ZODB.FileStorage import FileStorage

from zcasync.zeo import __main__ as zeo_main
from zcasync.zeo import memory_buffers
from zcasync.zeo.memory_buffers import CommitBuffer, CommitLog
from zcasync.zeo.server import FileLog, Server, keep_logs_in_memory

# the client's

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
def test_a_buffer_holds_what_it_was_given(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(memory_buffers, "MEMORY_BYTES", limit)
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


# the server's

STEPS: list[tuple[str, tuple[Any, ...]]] = [
    ("store", (b"oid-0001", b"serial-1", b"x" * 100)),
    ("checkread", (b"oid-0002", b"serial-1")),
    ("store", (b"oid-0003", b"serial-1", b"y" * 100)),
    ("delete", (b"oid-0004", b"serial-1")),
    ("restore", (b"oid-0005", b"serial-1", None, None)),
    ("undo", (b"serial-0",)),
]


@pytest.mark.parametrize("limit", [0, 99, 100, 150, 250, 10_000])
def test_a_log_has_the_steps_it_was_given(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(memory_buffers, "MEMORY_BYTES", limit)
    log, expected = CommitLog(FileLog), FileLog()
    for kind, args in STEPS:
        getattr(log, kind)(*args)
        getattr(expected, kind)(*args)

    assert list(log) == list(expected) == [(f"_{kind}", args) for kind, args in STEPS]
    assert log.stores == expected.stores == len(STEPS)
    assert log.size() >= 200
    for each in (log, expected, log):
        each.close()


@pytest.fixture
def zeo_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo in the end what a server process does to ZEO."""
    for name in ("CommitLog", "StorageServer"):
        monkeypatch.setattr(ZEO.StorageServer, name, getattr(ZEO.StorageServer, name))
    monkeypatch.setattr(ZEO.runzeo, "ZEOOptions", ZEO.runzeo.ZEOOptions)


@pytest.fixture
def begin(folder: Path) -> Callable[[], Any]:
    """Begins a commit at a server of this process; returns its log."""

    def begin_one() -> Any:
        storage = FileStorage(os.fspath(folder / "Data.fs"))
        server = Server(os.fspath(folder / "s"), {"1": storage})
        handler = server.create_client_handler()
        handler.stats = server.stats["1"]
        handler.tpc_begin(1, b"", b"", b"")
        server.close()
        return handler.txnlog

    return begin_one


@pytest.mark.usefixtures("zeo_as_it_is")
def test_a_server_process_keeps_its_logs_in_memory(begin: Callable[[], Any]) -> None:
    for _ in range(2):
        keep_logs_in_memory()
    log = begin()
    assert isinstance(log, CommitLog)
    log.store(A, B, b"x" * (memory_buffers.MEMORY_BYTES + 1))
    assert log.stores == 1
    log.close()


def test_a_server_in_another_process_has_zeos_log(begin: Callable[[], Any]) -> None:
    log = begin()
    assert type(log) is FileLog
    log.close()


@pytest.mark.usefixtures("zeo_as_it_is")
def test_runzeo_serves_with_ours(monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Any]) -> None:
    used = []
    monkeypatch.setattr(
        ZEO.runzeo, "main", lambda: used.append((ZEO.StorageServer.StorageServer, begin()))
    )
    zeo_main.main()
    [(server, log)] = used
    assert server is Server
    assert isinstance(log, CommitLog)
