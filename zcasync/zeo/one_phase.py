"""Connections that tell their storage when it is the only participant of a transaction.

A transaction over one storage needs no second phase: once the storage has it, it is committed.  See
:mod:`zcasync.zeo.client` for the commit in one message that follows from that.
"""

from __future__ import annotations

from typing import Any

from ZODB.Connection import Connection
from ZODB.mvccadapter import MVCCAdapterInstance

from zcasync.zeo.fenced import Fenced
from zcasync.zeo.memory_savepoints import SavepointsInMemory
from zcasync.zeo.object_ids import IdsOfOneServer

#: The attribute of a transaction's metadata with the view of the only connection that commits.
VIEW = "zcasync_alone"
#: That with the function to call at once when it is committed.
TOLD = "zcasync_told"


class OnePhaseConnection(Fenced, IdsOfOneServer, SavepointsInMemory, Connection):  # type: ignore[misc]
    """A connection to a database whose storage can commit at once.

    ``told(tid)`` is called then as soon as the storage has confirmed the commit, in the thread that
    receives the answer, before the committing thread is awake; it must not raise.  Other
    connections of this client see the commit a moment later: code that begins a transaction then
    has to catch up.
    """

    is_told_by_storage = True

    def tpc_vote(self, transaction: Any) -> None:
        """Vote in the two-phase commit; commit when no other storage takes part."""
        resources = getattr(transaction, "_resources", ())
        if len(resources) == 1 and isinstance(self._normal_storage, MVCCAdapterInstance):
            setattr(transaction.data(self), VIEW, self._normal_storage)
            setattr(transaction.data(self), TOLD, self.told)
        super().tpc_vote(transaction)


def announce(view: Any, tid: bytes, oids: set[bytes], to_itself: bool = False) -> None:
    """Tell the other connections of a database (``to_itself``: this one too) of a commit."""
    view._base._invalidate_finish(tid, oids, None if to_itself else view)
