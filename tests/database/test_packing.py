"""Packing a file storage, and what a pack that dies leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import transaction
from ZODB import DB

from zcasync.database import packing
from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home


def opened(home: Home) -> DB:
    return DB(packing.open_file(home.data_fs, home.blobs))


def fill(home: Home) -> None:
    """One number, written many times, each with much that is not needed later."""
    db = opened(home)
    with db.transaction() as connection:
        connection.root()["number"] = 0
    for number in range(1, 21):
        with db.transaction() as connection:
            connection.root()["number"] = number
            connection.root()["ballast"] = "x" * 10_000
    db.close()


def number_in(home: Home) -> int:
    db = opened(home)
    try:
        with db.transaction() as connection:
            return connection.root()["number"]  # type: ignore[no-any-return]
    finally:
        transaction.abort()
        db.close()


def test_a_pack_keeps_what_is_needed_and_nothing_else(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    sync = packing.sync
    monkeypatch.setattr(packing, "sync", lambda path: (synced.append(path), sync(path)))
    fill(home)
    before = home.data_fs.stat().st_size
    db = opened(home)
    db.pack()
    assert synced == [packing.packed_file(home.data_fs)], "on the disk before it has its name"
    db.close()
    assert packing.old_file(home.data_fs).exists()
    packing.drop_old(home)
    assert not packing.old_file(home.data_fs).exists()
    assert home.data_fs.stat().st_size < before / 10
    assert number_in(home) == 20


@pytest.mark.parametrize("which", [1, 2])
def test_a_pack_that_dies_at_a_rename_loses_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    fill(home)
    db = opened(home)
    rename: Callable[..., None] = os.rename
    count = 0

    class Died(BaseException):
        pass

    def die(source: str, target: str) -> None:
        nonlocal count
        count += 1
        if count >= which:
            raise Died
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", die)
        with pytest.raises(Died):
            db.pack()
    db.close()
    assert home.data_fs.exists() is (which == 1)
    assert number_in(home) == 20
    fill(home)  # it can be written and packed again
    db = opened(home)
    db.pack()
    db.close()
    assert number_in(home) == 20


def test_a_missing_file_beside_an_old_one_is_not_taken_for_a_new_database(home: Home) -> None:
    fill(home)
    home.data_fs.rename(packing.old_file(home.data_fs))
    with pytest.raises(ConfigurationError, match=r"Data\.fs\.old is there"):
        packing.open_file(home.data_fs, home.blobs)
    assert not home.data_fs.exists()


def test_a_database_that_was_not_packed_has_nothing_to_drop(home: Home) -> None:
    packing.drop_old(home)
    fill(home)
    packing.drop_old(home)
    assert number_in(home) == 20
