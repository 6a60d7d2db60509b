"""The arguments of a client's requests, checked where ZEO's server relies on what clients send.

What a commit notes as its extension may come as a pickle, which the server would load, whatever it
calls, as soon as anybody asks for the history.  Names of storages and clients reach the log.  Ids
become the paths of files of blobs.
"""

from __future__ import annotations

from typing import Any

from zcasync.text import cut, printable

OID_BYTES = 8


def require_values(extension: Any) -> None:
    """Raise ValueError for the extension of a transaction unless it holds values, no pickle."""
    if extension and not isinstance(extension, dict):
        raise ValueError("the extension of a transaction is not a dictionary")


def require_id(found: Any) -> None:
    """Raise ValueError unless this can be the id of an object or a transaction."""
    if not isinstance(found, bytes) or len(found) != OID_BYTES:
        raise ValueError("an id has 8 bytes")


def require_number(found: Any) -> None:
    """Raise ValueError unless this can be the number that a client gives to its transaction."""
    if not isinstance(found, int):
        raise ValueError("a transaction has a number")


def name(found: Any) -> str:
    """Return a name that a client gives, as it can be logged.  Raises ValueError for no text."""
    if not isinstance(found, str):
        raise ValueError("a name is a text")
    return printable(cut(found))


class ChecksRequests:
    """A mixin for the handler of one client."""

    def register(self, storage_id: str, *args: Any) -> Any:
        """Register the client for a storage.  Raises ValueError where there is none."""
        return super().register(name(storage_id), *args)  # type: ignore[misc]

    def set_client_label(self, label: str) -> None:
        """Note the client's name for the log."""
        super().set_client_label(name(label))  # type: ignore[misc]

    def tpc_begin(
        self, number: int, user: Any, description: Any, extension: Any, *args: Any
    ) -> Any:
        """Begin a commit.  Raises ValueError for an extension that would have to be loaded."""
        require_number(number)
        require_values(extension)
        return super().tpc_begin(number, user, description, extension, *args)  # type: ignore[misc]

    def sendBlob(self, oid: bytes, serial: bytes) -> Any:
        """Send the file of a blob."""
        require_id(oid)
        require_id(serial)
        return super().sendBlob(oid, serial)  # type: ignore[misc]

    def storeBlobEnd(self, oid: bytes, *args: Any) -> Any:
        """Note a blob whose file was sent."""
        require_id(oid)
        return super().storeBlobEnd(oid, *args)  # type: ignore[misc]

    def storeBlobShared(self, oid: bytes, *args: Any) -> Any:
        """Note a blob whose file is in the shared folder."""
        require_id(oid)
        return super().storeBlobShared(oid, *args)  # type: ignore[misc]
