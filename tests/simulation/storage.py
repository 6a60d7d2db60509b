"""A storage in memory whose clock jumps and whose commits can be interrupted or left in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from BTrees.OOBTree import OOBucket
from ZODB import DB
from ZODB.MappingStorage import MappingStorage
from ZODB.utils import p64, u64, z64

from tests.model.sessions import Session
from zcasync.datamanager import install
from zcasync.missing import class_factory

#: Transaction ids a second, about as many as ZODB's timestamps count.
TICKS = 1 << 26


class SimulatedStorage(MappingStorage):  # type: ignore[misc]
    """Calls ``before()``, ``finishing()`` and ``finished()`` around each commit; they may raise.

    ``seconds()`` is the clock that transaction ids are made of; it may stand still or go back.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] = _nothing
        self.finishing: Callable[[], None] = _nothing
        self.finished: Callable[[], None] = _nothing
        self.seconds: Callable[[], float] = lambda: 0.0

    def fork(self) -> SimulatedStorage:
        """A storage of its own that begins with what this one has."""
        made = SimulatedStorage()
        made._oid, made._ltid = self._oid, self._ltid
        for oid, revisions in self._data.items():
            tid = revisions.maxKey()
            made._data[oid] = OOBucket({tid: revisions[tid]})
        return made

    def tpc_begin(self, transaction: Any, tid: bytes | None = None) -> None:
        self.before()
        newest = 1 + u64(self._ltid)
        super().tpc_begin(transaction, p64(max(newest, int(self.seconds() * TICKS))))

    def tpc_finish(self, transaction: Any, func: Any = lambda tid: None) -> Any:
        self.finishing()
        tid = super().tpc_finish(transaction, func)
        self._transactions.clear()  # nobody asks for the history
        self.finished()
        return tid


def _nothing() -> None:
    """No hook."""


def new_database() -> tuple[SimulatedStorage, DB]:
    """A database of its own with a data manager."""
    if not _templates:
        storage = SimulatedStorage()
        db = DB(storage, class_factory=class_factory)
        session = Session(db)
        install(session.connection)
        session.commit()
        session.close()
        assert storage._ltid != z64
        _templates.append(storage)
    storage = _templates[0].fork()
    return storage, DB(storage, pool_size=1000, class_factory=class_factory)


_templates: list[SimulatedStorage] = []
