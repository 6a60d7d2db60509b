"""What it takes to open a file storage that nobody serves: minutes where the index is missing."""

from __future__ import annotations

import pickle
from pathlib import Path

from zcasync.errors import StorageAway
from zcasync.instance.home import Home

#: What a busy machine reads of small records, at least (measured: 67 MB/s on an idle one).
BYTES_PER_SECOND = 20_000_000


def unindexed_bytes(path: Path) -> int:
    """How much of a file storage has to be read to open it: what its index does not know of."""
    try:
        size = path.stat().st_size
    except OSError:  # whoever opens it will say what is wrong
        return 0
    position = _indexed(path.with_name(f"{path.name}.index"))
    return size - position if 0 < position <= size else size


def _indexed(path: Path) -> int:
    """Up to where in the file the index goes; 0: no usable index.  It begins with that number."""
    try:
        with path.open("rb") as file:
            found = _Numbers(file).load()
    except Exception:  # whatever damage does to a pickle: then there is no index
        return 0
    return found if isinstance(found, int) else 0


class _Numbers(pickle.Unpickler):
    """Loads plain values only."""

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
