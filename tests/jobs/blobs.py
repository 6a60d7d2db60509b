"""Jobs that write blobs, and read them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import transaction
from persistent import Persistent
from ZODB.blob import Blob

from tests.support.gates import Gate


def digest(data: bytes) -> str:
    """A name for the content of a blob."""
    return sha256(data).hexdigest()


def content(size: int) -> bytes:
    """Bytes that no chunk of has twice."""
    return b"".join(b"%08d" % number for number in range(size // 8 + 1))[:size]


def digest_of(blob: Blob) -> str:
    """The digest of what a blob holds."""
    with blob.open() as file:
        return digest(file.read())


class Album(Persistent):
    """Some blobs."""

    def __init__(self) -> None:
        self.pictures: tuple[Blob, ...] = ()

    def add(self, size: int) -> str:
        """Add one; return its digest."""
        self.pictures = (*self.pictures, Blob(content(size)))
        return digest(content(size))

    def add_by_savepoint(self, size: int) -> str:
        """Add one and write it to a savepoint, as a form of an application does."""
        found = self.add(size)
        transaction.savepoint()
        return found

    def add_at_gate(self, gate: str, size: int) -> str:
        """Add one; commit it after the gate."""
        found = self.add(size)
        Gate(gate).pass_through()
        return found

    def add_and_fail(self, size: int) -> None:
        """Add one for nothing."""
        self.add(size)
        transaction.savepoint()
        raise ValueError("after adding a picture")

    def digests(self) -> list[str]:
        """The digests of all."""
        return [digest_of(one) for one in self.pictures]


def picture(size: int) -> Any:
    """Return a new blob as the result."""
    return Blob(content(size))
