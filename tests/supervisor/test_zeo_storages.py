"""A server does not outlive a storage that has closed itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ZODB.FileStorage import FileStorage

from zcasync.zeo import EXIT_STORAGE_CLOSED, Server


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
