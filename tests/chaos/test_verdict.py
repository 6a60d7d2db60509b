"""The judges of the chaos suite see what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import transaction
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.scripts import fstest

from tests.chaos.jobs import KINDS, Cell, Ledger, Record
from tests.chaos.points import Point, Traps
from tests.chaos.storages.zeo import storage_problems
from zcasync.partial import Partial, as_partial


def performed(kind: str) -> Record:
    """The record of a job that was performed once, in this thread."""
    cell = Cell(3, Ledger())
    partial = as_partial(KINDS[kind].call(cell))
    if KINDS[kind].called:
        partial.addCallbacks(cell.note, cell.note_failure)
    partial()
    transaction.abort()
    return Record(3, kind, cell, partial)


@pytest.mark.parametrize("kind", ["count", "callback", "failure", "stages", "detached"])
def test_a_job_that_took_effect_once_is_right(kind: str) -> None:
    assert performed(kind).problems() == []


@pytest.mark.parametrize("mark", ["value", "called", "stage"])
def test_an_effect_too_many_is_seen(mark: str) -> None:
    record = performed("callback")
    setattr(record.cell, mark, getattr(record.cell, mark) + 1)

    (problem,) = record.problems()
    assert f"{mark} is {getattr(record.cell, mark)}" in problem


def test_a_second_entry_and_a_job_that_is_not_done_are_seen() -> None:
    record = performed("count")
    record.cell.count()
    assert len(record.problems()) == 2

    waits = Record(3, "count", Cell(3, Ledger()), Partial(abs, 1))
    assert any("state is 'pending'" in problem for problem in waits.problems())


def test_a_damaged_storage_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "Data.fs"
    db = DB(FileStorage(str(path)))
    with db.transaction() as connection:
        connection.root()["cell"] = Cell(1, Ledger())
    db.close()
    assert storage_problems(path) == ""

    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 10)
    with pytest.raises(fstest.FormatError):
        storage_problems(path)


def test_a_trap_is_sprung_once(tmp_path: Path) -> None:
    traps = Traps(tmp_path / "traps")
    name = traps.arm(Point("child", "job", "voted"), "kill")
    assert traps.armed() == [name]
    assert not traps.sprung(name)
    assert traps.disarm(name)
    assert not traps.disarm(name)
