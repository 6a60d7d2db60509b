"""Many callbacks of one partial, and many that wait for one: each costs the same.

Costs are what the storage reads and writes, for connections that keep few objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ZODB import DB
from ZODB.FileStorage import FileStorage

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.datamanager import install
from zcasync.interfaces import COMPLETED
from zcasync.testing import run_inline

#: How many there are, in three databases.
SIZES = (80, 160, 240)
CACHE = 20
#: What the last ones may cost, in times of as many before; were costs quadratic it would be 1.67.
SAME = 1.2


class Costs(NamedTuple):
    """Records and bytes."""

    loads: int = 0
    loaded: int = 0
    stores: int = 0
    stored: int = 0


class Counting(FileStorage):  # type: ignore[misc]
    """A storage that counts."""

    costs = Costs()

    def loadBefore(self, oid: bytes, tid: bytes) -> Any:
        found = super().loadBefore(oid, tid)
        loads, loaded, *stores = self.costs
        self.costs = Costs(loads + 1, loaded + len(found[0] if found else b""), *stores)
        return found

    def store(self, oid: bytes, serial: bytes, data: bytes, *args: Any) -> Any:
        loads, loaded, stores, stored = self.costs
        self.costs = Costs(loads, loaded, stores + 1, stored + len(data))
        return super().store(oid, serial, data, *args)


@contextmanager
def counted(folder: Path) -> Iterator[tuple[Session, Counting]]:
    """A session with a data manager of a new database whose storage counts."""
    folder.mkdir()
    storage = Counting(str(folder / "Data.fs"))
    db = DB(storage, cache_size=CACHE)
    session = Session(db)
    install(session.connection)
    session.commit()
    yield session, storage
    session.close()
    db.close()


def add_together(session: Session, count: int) -> None:
    """Add callbacks in one transaction, and perform all."""
    partial = session.queue.put(Partial(samples.nothing))
    for _ in range(count):
        partial.addCallback(samples.nothing)
    session.commit()
    run_inline(partial)
    assert partial.state == COMPLETED
    assert all(one.state == COMPLETED for one in partial.callbacks)


def wait_for_one(session: Session, count: int) -> None:
    """Let partials wait for one, each from a transaction of its own on, and perform that."""
    awaited = session.queue.put(Partial(samples.make_seven), delay=1)
    waiting = [session.queue.put(Partial(samples.give_back, awaited)) for _ in range(count)]
    session.commit()
    for one in waiting:
        run_inline(one)
        assert one.waits_for is awaited
    run_inline(awaited)
    assert awaited.state == COMPLETED
    assert all(one.result == 7 for one in waiting)


def add_one_by_one(session: Session, count: int) -> None:
    """Add each callback in a transaction of its own, and perform all."""
    partial = session.queue.put(Partial(samples.nothing))
    session.commit()
    for _ in range(count):
        partial.addCallback(samples.nothing)
        session.commit()
    run_inline(partial)
    assert partial.state == COMPLETED
    assert [one.state for one in partial.callbacks] == [COMPLETED] * count


@pytest.mark.parametrize("act", [add_together, add_one_by_one, wait_for_one])
def test_each_one_costs_the_same_however_many_there_are(
    act: Callable[[Session, int], None], tmp_path: Path
) -> None:
    costs = []
    for count in SIZES:
        with counted(tmp_path / str(count)) as (session, storage):
            before = storage.costs
            act(session, count)
            costs.append([now - then for now, then in zip(storage.costs, before, strict=True)])

    for name, few, more, many in zip(Costs._fields, *costs, strict=True):
        assert many - more <= SAME * (more - few), (name, costs)
