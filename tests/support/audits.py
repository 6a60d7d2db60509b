"""The audit of the databases that a test leaves behind: no job is lost, twice or miscounted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError
from ZODB.utils import load_current, z64

from zcasync.audit.inspection import inspect
from zcasync.database.missing_classes import make_database
from zcasync.database.sync import connected
from zcasync.datamanager import find

#: The name of the main file that servers and homes have; others have those of their databases.
MAIN = "Data.fs"
ANYTHING = "anything"


def left_findings(folder: Path, kinds: Collection[str] = ()) -> list[str]:
    """What an audit finds in the databases below a folder that nobody serves any more.

    ``kinds``: those that the test leaves on purpose; ANYTHING: the files are not even opened.
    """
    if ANYTHING in kinds:
        return []
    return [
        f"{path}: {one}"
        for path in sorted(folder.rglob(MAIN))
        for one in _findings(path)
        if one.kind not in kinds
    ]


def kinds_left(node: Any) -> Collection[str]:
    """The kinds of findings that a test says it leaves, with ``@pytest.mark.leaves(kind)``."""
    return {kind for mark in node.iter_markers("leaves") for kind in mark.args}


def _findings(path: Path) -> list[Any]:
    with _opened(path) as db:
        if db is None:
            return []
        with connected(db) as connection:
            manager = find(connection)
            return [] if manager is None else inspect(connection, manager).findings


class _ByName(dict[str, DB]):
    """Databases by their names, as others refer to them; what the main one is called is unknown."""

    def __missing__(self, name: str) -> DB:
        return self[""]


@contextmanager
def _opened(path: Path) -> Iterator[DB | None]:
    """The database in a file, and those beside it; None where nothing was ever stored."""
    databases = _ByName()
    try:
        for one in path.parent.glob("*.fs"):
            _open(one, "" if one == path else one.stem, databases)
        yield databases.get("")
    finally:
        for db in databases.values():
            db.close()


def _open(path: Path, name: str, databases: dict[str, DB]) -> None:
    storage = FileStorage(os.fspath(path), read_only=True)
    try:
        load_current(storage, z64)
    except POSKeyError:  # not even its root was stored
        storage.close()
    else:
        make_database(storage, database_name=name, databases=databases)


@contextmanager
def audited(folder: Path, kinds: Collection[str] = ()) -> Iterator[None]:
    """Fails in the end when an audit finds something in the databases below the folder."""
    yield
    found = left_findings(folder, kinds)
    if found:
        pytest.fail("\n".join(["the test leaves a database with", *found]), pytrace=False)
