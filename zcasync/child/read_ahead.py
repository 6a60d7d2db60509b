"""Read-ahead: asks for a job's records as soon as the invalidation of its claim arrives.

That is before the message about the job.  The claim's commit is recognized by what it writes: the
child's claim list, as the last one did.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from zcasync.job.record import PartialRecord
from zcasync.zeo.bulk_load import ReadAhead, ask_ahead, load_all
from zcasync.zeo.connections import cached
from zcasync.zeo.invalidations import listen

#: Larger commits are ignored.
OIDS_LIMIT = 20
#: The number of the other commits that are remembered.
RECENT = 16


class ClaimReadAhead:
    """A listener to a database's invalidations that requests the records of claims.

    Invalidations arrive on the storage's thread.
    """

    def __init__(self, db: Any) -> None:
        self._db = db
        self._recent: OrderedDict[bytes, frozenset[bytes]] = OrderedDict()
        self._watched: frozenset[bytes] = frozenset()
        self._asked: ReadAhead | None = None
        self._listening = listen(db, self)

    def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.close()

    def take(self, tid: bytes | None) -> ReadAhead | None:
        """Return the request for the last claim; ``tid``: the claim that is known now, or None."""
        if tid is not None:
            self._watched = self._recent.get(tid, self._watched)
        asked, self._asked = self._asked, None
        return asked

    # what is called on any thread

    def invalidate(self, tid: bytes, oids: Iterable[bytes]) -> None:
        """Note a commit; ask for its records where it looks like a claim."""
        written = frozenset(oids)
        if len(written) > OIDS_LIMIT:
            return
        self._recent[tid] = written
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        if not self._watched.isdisjoint(written):
            self._asked = ask_ahead(self._db, tid, written)

    def invalidate_all(self) -> None:
        """Forget the request: the storage has lost track of what was committed."""
        self._asked = None


def load_records(connection: Any, oids: list[bytes]) -> None:
    """Load the records of several jobs with one request, instead of one by one."""
    if len(oids) > 1:
        load_all(connection, oids)
        # A job that was added just now may be newer than what this transaction sees.
        partials = [cached(connection, oid) for oid in oids]
        loaded = [one for one in partials if one is not None and one._p_changed is not None]
        sidecars = [one.stored_sidecar for one in loaded if isinstance(one, PartialRecord)]
        load_all(connection, [one._p_oid for one in sidecars if one is not None])
