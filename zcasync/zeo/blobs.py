"""The place for blobs of a client: what an aborted commit leaves there, and clients without one."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ZODB.interfaces import IBlobStorage
from ZODB.POSException import Unsupported

#: The end of what is said of a client without one.
GIVE_ONE = (
    "give its section a blob-dir, a folder of its own or, with `shared-blob-dir on`, that of the "
    "server"
)


class NeedsBlobDir:
    """A mixin for a ZEO client, which says so where it would need a place for blobs."""

    def storeBlob(self: Any, *args: Any) -> Any:
        """Store a blob.  Raises Unsupported where there is no place for its content."""
        self._require_blob_dir()
        make_folders(self.fshelper.base_dir, self.fshelper.getPathForOID(args[0]))
        return super().storeBlob(*args)  # type: ignore[misc]

    def loadBlob(self: Any, oid: bytes, serial: bytes) -> Any:
        """Return the path of a blob's content.  Raises Unsupported where there is no place."""
        self._require_blob_dir()
        return super().loadBlob(oid, serial)  # type: ignore[misc]

    def temporaryDirectory(self: Any) -> Any:
        """Return the folder of blobs that are written.  Raises Unsupported where there is none."""
        self._require_blob_dir()
        return super().temporaryDirectory()  # type: ignore[misc]

    def _require_blob_dir(self: Any) -> None:
        if self.fshelper is None:
            raise Unsupported(
                f"the client of storage {self._storage!r} at {self.__name__} can neither store "
                f"blobs nor load them: {GIVE_ONE}"
            )


def make_folders(base: str, path: str) -> None:
    """Make the missing folders below the one of all blobs, each as closed as that one.

    ZODB leaves their modes to the umask.
    """
    mode = stat.S_IMODE(os.stat(base).st_mode)
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for one in reversed(missing):
        with suppress(FileExistsError):  # another process was quicker
            os.mkdir(one, mode)


@contextmanager
def blobs_removed(buffer: Any) -> Iterator[None]:
    """Remove the blobs that a commit has left behind, once it is aborted.

    ``buffer``: what the client has kept of it; None: nothing.
    """
    try:
        yield
    finally:
        for _, path in getattr(buffer, "blobs", ()):
            with suppress(FileNotFoundError):
                os.remove(path)


def require_blobs(connection: Any, error: Unsupported) -> None:
    """Raise Unsupported, in words, where a connection's storage takes no blobs.

    ``error``: ZODB's own, which names a class.
    """
    if not IBlobStorage.providedBy(connection._storage):
        name = connection.db().database_name
        raise Unsupported(
            f"the storage of database {name!r} takes no blobs: give it a blob-dir where it is "
            "served, in <filestorage>, and each of its clients one, too"
        ) from error
