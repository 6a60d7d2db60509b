"""Hears of the commit that claims a job for this child, and asks for its records at once.

That commit is heard of before the message about the job comes.  Which one it is can be told by what
it writes: the child's list of claims, as the last one did.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from zcasync.zeo.bulk_load import ReadAhead, ask_ahead
from zcasync.zeo.invalidations import listen

#: Larger commits are not looked at, and of others so many are remembered.
OIDS_LIMIT = 20
RECENT = 16


class Listener:
    """Listens to a database's invalidations, which arrive on the storage's thread."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._recent: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()
        self._watched: frozenset[bytes] = frozenset()
        self._asked: ReadAhead | None = None
        self._listening = listen(db, self)

    def close(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.close()

    def take(self, tid: bytes | None) -> ReadAhead | None:
        """What was asked for when the last claim was heard of; ``tid``: of the one known now."""
        if tid is not None:
            self._watched = self._recent.get(tid, self._watched)
        asked, self._asked = self._asked, None
        return asked

    # what is called on any thread

    def invalidate(self, tid: bytes, oids: Iterable[bytes]) -> None:
        heard = frozenset(oids)
        if len(heard) > OIDS_LIMIT:
            return
        self._recent[tid] = heard
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        if not self._watched.isdisjoint(heard):
            self._asked = ask_ahead(self._db, tid, heard)

    def invalidate_all(self) -> None:
        self._asked = None
