"""What a database server keeps of a commit until the vote: in memory, unless it is large.

ZEO writes it to a temporary file and reads it again, which for a commit of two records takes a
seventh of what the server does for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ZEO.StorageServer import CommitLog as FileLog

#: What is larger, in bytes of records, goes to a file.
MEMORY_BYTES = 4 * 1024 * 1024

#: The name of a server's method, and its arguments.
Step = tuple[str, tuple[Any, ...]]


class CommitLog:
    """The steps of one commit, in order; the same methods as ZEO's."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._bytes = 0
        self._file: Any = None  # what follows, once there is too much

    @property
    def stores(self) -> int:
        """How many steps there are."""
        return len(self._steps) + (self._file.stores if self._file is not None else 0)

    def size(self) -> int:
        """Of the records, bytes."""
        return self._bytes + (self._file.size() if self._file is not None else 0)

    def delete(self, oid: bytes, serial: bytes) -> None:
        self._note("delete", (oid, serial))

    def checkread(self, oid: bytes, serial: bytes) -> None:
        self._note("checkread", (oid, serial))

    def store(self, oid: bytes, serial: bytes, data: bytes) -> None:
        self._note("store", (oid, serial, data), len(data))

    def restore(self, oid: bytes, serial: bytes, data: bytes | None, prev_txn: Any) -> None:
        self._note("restore", (oid, serial, data, prev_txn), len(data or b""))

    def undo(self, transaction_id: bytes) -> None:
        self._note("undo", (transaction_id,))

    def _note(self, kind: str, args: tuple[Any, ...], size: int = 0) -> None:
        if self._file is None and self._bytes + size > MEMORY_BYTES:
            self._file = FileLog()
        if self._file is not None:
            getattr(self._file, kind)(*args)
        else:
            self._steps.append((f"_{kind}", args))
            self._bytes += size

    def __iter__(self) -> Iterator[Step]:
        yield from self._steps
        if self._file is not None:
            yield from self._file

    def close(self) -> None:
        """Forget it all.  Safe to repeat."""
        self._steps = []
        if self._file is not None:
            self._file.close()
