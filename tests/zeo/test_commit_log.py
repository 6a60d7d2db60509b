"""A server's log of a commit: the same steps in the same order, in memory or in a file."""

from __future__ import annotations

from typing import Any

import pytest
from ZEO.StorageServer import ZEOStorage

from zcasync.zeo import commit_log
from zcasync.zeo import server as zeo
from zcasync.zeo.commit_log import CommitLog, FileLog

STEPS: list[tuple[str, tuple[Any, ...]]] = [
    ("store", (b"oid-0001", b"serial-1", b"x" * 100)),
    ("checkread", (b"oid-0002", b"serial-1")),
    ("store", (b"oid-0003", b"serial-1", b"y" * 100)),
    ("delete", (b"oid-0004", b"serial-1")),
    ("restore", (b"oid-0005", b"serial-1", None, None)),
    ("undo", (b"serial-0",)),
]


@pytest.mark.parametrize("limit", [0, 99, 100, 150, 250, 10_000])
def test_a_commit_log_gives_the_steps_it_was_given(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(commit_log, "MEMORY_BYTES", limit)
    log, expected = CommitLog(), FileLog()
    for kind, args in STEPS:
        getattr(log, kind)(*args)
        getattr(expected, kind)(*args)

    assert list(log) == list(expected) == [(f"_{kind}", args) for kind, args in STEPS]
    assert log.stores == expected.stores == len(STEPS)
    assert log.size() >= 200
    for each in (log, expected, log):
        each.close()


def test_the_server_uses_the_commit_log() -> None:
    assert zeo.Handler.tpc_begin is ZEOStorage.tpc_begin
    assert ZEOStorage.tpc_begin.__globals__["CommitLog"] is CommitLog
