"""What a connection keeps of its changes at a savepoint: in memory, unless large.

ZODB writes it to a temporary file, and reads it again at the commit.  Jobs that share a commit have
a savepoint each: a new file for every commit, and two seeks in it for every job.
"""

from __future__ import annotations

from typing import Any

from ZODB.Connection import TmpStore

from zcasync.zeo.memory_buffers import MEMORY_BYTES, SpooledFile


class SavepointStore(TmpStore):  # type: ignore[misc]
    """The records of a transaction's savepoints, over a storage; as ZODB's."""

    def __init__(self, storage: Any) -> None:
        # All that the original does, except for the file.
        self._storage = storage
        for name in ("getName", "new_oid", "sortKey", "isReadOnly"):
            setattr(self, name, getattr(storage, name))
        self._file = SpooledFile(max_size=MEMORY_BYTES)
        self.position = 0
        self.index: dict[bytes, int] = {}
        self.creating: dict[bytes, bool] = {}
        self._blob_dir = None


class SavepointsInMemory:
    """A mixin for a connection's class."""

    def savepoint(self: Any) -> Any:
        """Store what has changed, to be rolled back to."""
        if self._savepoint_storage is None:
            self._savepoint_storage = self._storage = SavepointStore(self._normal_storage)
        return super().savepoint()  # type: ignore[misc]
