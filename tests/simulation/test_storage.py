"""The simulated database server does what ZODB's own storages do."""

from __future__ import annotations

from base64 import decodebytes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import transaction
from BTrees.OOBTree import OOBTree
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError, UndoError

from tests.simulation.databases import Databases
from tests.simulation.jobs import Counter
from tests.simulation.server import Server
from tests.simulation.storage import Storage
from tests.support.sessions import Session

#: Changes what the root has.
Change = Callable[[Any], None]


def put(root: Any) -> None:
    root["counter"] = Counter()


def count(root: Any) -> None:
    root["counter"].count()


def count_back(root: Any) -> None:
    root["counter"].value -= 1


def touch(root: Any) -> None:
    root["counter"]._p_changed = True


def make_tree(root: Any) -> None:
    root["tree"] = OOBTree()


def add(key: str) -> Change:
    def change(root: Any) -> None:
        root["tree"][key] = 1

    return change


#: What is committed one after the other, and which of them is undone.
UNDOINGS: list[tuple[list[Change], int]] = [
    ([put], 0),
    ([put, count], 0),
    ([put, count], 1),
    ([put, count, count], 1),
    ([put, count, touch], 1),
    ([put, touch], 0),
    ([put, count, count_back, count], 1),
    ([make_tree, add("a"), add("b")], 1),
    ([make_tree, add("a"), add("b")], 0),
]


class Undoing:
    """A database in which commits are made and undone."""

    def __init__(self, db: DB, undo: Callable[[bytes], bool]) -> None:
        self.undo = undo
        self.session = Session(db)

    def told(self, changes: list[Change], undone: int) -> Any:
        """Whether the undoing was possible, and what is there after it."""
        tids = []
        for change in changes:
            change(self.session.root)
            self.session.commit()
            tids.append(max(obj._p_serial for obj in objects(self.session.root)))
        is_done = self.undo(tids[undone])
        self.session.sync()
        return is_done, state(self.session.root)


def objects(root: Any) -> list[Any]:
    """All that can be reached."""
    found = [root, *root.values()]
    for obj in found:
        obj._p_activate()
    return found


def state(root: Any) -> Any:
    """What there is to see."""
    try:
        return {name: obj.value if name == "counter" else sorted(obj) for name, obj in root.items()}
    except POSKeyError:
        return "gone"


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Undoing]:
    db = DB(FileStorage(str(tmp_path / "Data.fs")))

    manager = transaction.TransactionManager()  # that of the thread would stay failed

    def undo(tid: bytes) -> bool:
        number = next(
            one["id"] for one in db.undoLog(0, 100) if decodebytes(one["id"] + b"\n") == tid
        )
        try:
            with manager:
                db.undo(number, manager.get())
        except UndoError:
            return False
        return True

    yield Undoing(db, undo)
    db.close()


@pytest.fixture
def simulated() -> Undoing:
    server = Server()
    DB(Storage(server))
    return Undoing(Databases([server]).db, server.undo)


@pytest.mark.parametrize(("changes", "undone"), UNDOINGS)
def test_an_undoing_is_done_or_refused_as_by_a_file_storage(
    real: Undoing, simulated: Undoing, changes: list[Change], undone: int
) -> None:
    assert simulated.told(changes, undone) == real.told(changes, undone)


def test_a_transaction_sees_what_was_there_when_it_began() -> None:
    server = Server()
    DB(Storage(server))
    writer, reader = (Session(Databases([server]).db) for _ in range(2))
    writer.keep(Counter(), "counter")
    reader.sync()
    writer.root["counter"].count()
    writer.commit()
    assert reader.root["counter"].value == 0

    reader.sync()
    assert reader.root["counter"].value == 1
