"""Packing the embedded default's file: old revisions go, and objects that nothing refers to.

FileStorage writes the packed file beside the old one, then gives both their new names.  Two things
are added here, so that a crash at any moment costs nothing: the packed file is on the disk before
it gets its name, and a pack that died between the two renames is finished.  A small file
in the home records when its database was packed last.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ZODB.FileStorage import FileStorage

from zcasync.errors import ConfigurationError
from zcasync.instance import own_files
from zcasync.instance.home import Home


def open_file(data_fs: Path, blobs: Path) -> FileStorage:
    """Open the file storage, to be written by this process alone.

    Raises ConfigurationError where it is missing though an older one is there, and what FileStorage
    raises: ``zc.lockfile.LockError`` when another process has it.
    """
    finish_interrupted(data_fs)
    return FileStorage(os.fspath(data_fs), blob_dir=os.fspath(blobs), packer=synced_packer)


def synced_packer(storage: Any, referencesf: Any, stop: Any, gc: Any) -> Any:
    """Pack as ZODB does; the file is on the disk before it takes the place of the old one."""
    result = FileStorage.packer(storage, referencesf, stop, gc)
    if result is not None:
        sync(packed_file(Path(storage.getName())))
    return result


def packed_file(data_fs: Path) -> Path:
    """Return the path of the file that a pack writes."""
    return data_fs.with_name(f"{data_fs.name}.pack")


def old_file(data_fs: Path) -> Path:
    """Return the path of the file that was packed, until it is removed."""
    return data_fs.with_name(f"{data_fs.name}.old")


def finish_interrupted(data_fs: Path) -> None:
    """Give the packed file its name where a pack died between its two renames."""
    if data_fs.exists() or not old_file(data_fs).exists():
        return
    packed = packed_file(data_fs)
    if not packed.exists():
        raise ConfigurationError(
            f"{data_fs} is missing, but {old_file(data_fs)} is there: give that one this name, or "
            "move it away to begin with an empty database"
        )
    # The index is still the old file's.
    data_fs.with_name(f"{data_fs.name}.index").unlink(missing_ok=True)
    packed.rename(data_fs)
    sync(data_fs.parent)


def drop_old(home: Home) -> None:
    """Remove the old file that a pack of the home's file left; the packed one is on the disk."""
    if not home.data_fs.exists():
        return
    sync(home.data_fs.parent)
    old_file(home.data_fs).unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(home.blobs.with_name(f"{home.blobs.name}.old"))


def note_packed(home: Home) -> None:
    """Record that the home's database was packed now, by this machine's clock."""
    own_files.replace(home.packed, json.dumps({"at": time.time()}))


def last_packed(home: Home) -> float | None:
    """Return when the database was packed last, seconds since 1970; None: not known."""
    try:
        return float(json.loads(home.packed.read_text())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sync(path: Path) -> None:
    """Have a file or a folder written to the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
