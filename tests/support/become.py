"""A process that becomes another user: ``python become.py UID ARGUMENT...``, started by root.

Where the interpreter, or this tree, lies below a folder that others may not enter (``/root``), the
process gets a view of the file system of its own in which that folder holds these alone.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
ROOT = Path(__file__).resolve().parents[2]


def needed() -> list[Path]:
    """The folders that a process of this interpreter reads."""
    return [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT]


def closed_folder(path: Path) -> Path | None:
    """The first folder on the way to ``path`` that others may not enter."""
    ways = (*reversed(path.parents), path)
    return next((one for one in ways if not one.stat().st_mode & stat.S_IXOTH), None)


def become(uid: int, paths: Iterable[Path] | None = None) -> None:
    """Make this process one of user and group ``uid``, of no other group, for ever."""
    closed = {
        path: folder
        for path in (needed() if paths is None else paths)
        if (folder := closed_folder(path)) is not None
    }
    if closed:
        _veil(closed)
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)


def _veil(closed: dict[Path, Path]) -> None:
    """Let this process alone see, of each closed folder, the paths below it that it needs."""
    _call("unshare", CLONE_NEWNS)
    _call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    kept = {path: os.open(path, os.O_PATH) for path in closed}
    for folder in set(closed.values()):
        _call("mount", b"none", os.fsencode(folder), b"tmpfs", 0, b"mode=755")
    for path, fd in kept.items():
        path.mkdir(parents=True, exist_ok=True)
        _call("mount", b"/proc/self/fd/%d" % fd, os.fsencode(path), None, MS_BIND | MS_REC, None)
        os.close(fd)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    become(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
