"""What a ZEO client keeps of a commit until its end: in memory, unless it is large.

ZEO makes a temporary file for each commit, which takes a twentieth of the time of a small one.
"""

from __future__ import annotations

import tempfile

from ZEO.TransactionBuffer import TransactionBuffer
from zodbpickle.pickle import Pickler

#: What is larger, in bytes, goes to a file.
MEMORY_BYTES = 4 * 1024 * 1024


class CommitBuffer(TransactionBuffer):  # type: ignore[misc]
    """The records of one commit, which the client's cache will have; as ZEO's."""

    def __init__(self, connection_generation: int) -> None:
        # All that the original does, but for the file.
        self.connection_generation = connection_generation
        self.file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115
        self.count = self.size = 0
        self.blobs: list[tuple[bytes, str]] = []
        self.pickler = Pickler(self.file, 1)
        self.pickler.fast = 1  # there are only bytes
        self.server_resolved: set[bytes] = set()
        self.client_resolved: dict[bytes, int] = {}
        self.exception: BaseException | None = None
