"""Opening a file storage without a server; it takes minutes where the index is missing."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from zcasync.cli.errors import EXIT_AWAY, Refusal
from zcasync.errors import StorageAway
from zcasync.instance.home import Home

#: The least that a busy machine reads of small records (measured: 67 MB/s on an idle one).
BYTES_PER_SECOND = 20_000_000


def unindexed_bytes(path: Path) -> int:
    """Return how many bytes of a file storage must be read to open it: those not in its index."""
    try:
        size = path.stat().st_size
    except OSError:  # opening the file reports what is wrong with it
        return 0
    position = _indexed(path.with_name(f"{path.name}.index"))
    return size - position if 0 < position <= size else size


def _indexed(path: Path) -> int:
    """Return the position that the index reaches, its first number; 0: no usable index."""
    try:
        with path.open("rb") as file:
            found = _Numbers(file).load()
    except Exception:  # whatever damage does to a pickle: then there is no index
        return 0
    return found if isinstance(found, int) else 0


class _Numbers(pickle.Unpickler):
    """An unpickler that loads plain values only."""

    def find_class(self, module: str, name: str) -> None:
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")


def require_quick(home: Home, seconds: float) -> None:
    """Raise StorageAway when to open the home's file storage may take longer than ``seconds``."""
    count = unindexed_bytes(home.data_fs)
    if count > seconds * BYTES_PER_SECOND:
        raise StorageAway(
            f"{home.data_fs} is not read: nobody serves it, and without a current index "
            f"{count / 1e6:,.0f} MB of it would have to be read first; start its supervisor: "
            f"zcasync run --home {home.path}"
        )


def open_file_to_write(home: Home) -> Any:
    """Open the home's file, which no server may have open.  Raises Refusal where another has it."""
    from zc.lockfile import LockError

    from zcasync.database.missing_classes import make_database
    from zcasync.database.packing import open_file

    try:
        storage = open_file(home.data_fs, home.blobs)
    except LockError as error:
        raise Refusal(
            f"{home.data_fs} is in use by another process; try again",
            EXIT_AWAY,
            "give the command again",
        ) from error
    return make_database(storage)
