"""The files that this package writes into a home: closed to others, and never through a link.

A link where a file of ours should be leads to a file that somebody wants to be written by us, a
second name of a file does the same: both are errors.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
#: Of the folders that have to be made for a home to lie in.
PARENT_MODE = 0o755


@contextmanager
def closed_umask() -> Iterator[None]:
    """Let libraries that choose no modes make files that are closed to others, in the block.

    The umask is that of the whole process: not for one in which jobs run.
    """
    before = os.umask(0o777 & ~FOLDER_MODE)
    try:
        yield
    finally:
        os.umask(before)


def create_folder(path: Path) -> None:
    """Create a folder that is closed to others, unless it is there; raises OSError.

    One that is there keeps its mode, and may be a link to a folder.
    """
    try:
        os.mkdir(path, FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        if stat.S_IMODE(path.lstat().st_mode) & 0o777 != FOLDER_MODE:  # by a strange umask
            path.chmod(FOLDER_MODE)


def create_parents(path: Path) -> None:
    """Create the folders that are missing above ``path``; raises OSError."""
    if not path.parent.is_dir():
        create_parents(path.parent)
        try:
            os.mkdir(path.parent, PARENT_MODE)
        except FileExistsError:  # another process was quicker
            if not path.parent.is_dir():
                raise
        else:
            mode = stat.S_IMODE(path.parent.lstat().st_mode)
            if mode & FOLDER_MODE != FOLDER_MODE:  # by a strange umask
                path.parent.chmod(mode | FOLDER_MODE)


def open_own(path: Path, flags: int = os.O_WRONLY) -> int:
    """Open a file to write it, and create it when it is missing; returns the descriptor.

    Raises OSError, for a link too, and for what is no file of one name.
    """
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return _created(path, flags)
    except FileExistsError:
        fd = os.open(path, flags | os.O_NONBLOCK)
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return fd
    os.close(fd)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    name, fresh = shlex.quote(str(path)), shlex.quote(f"{path}.new")
    raise OSError(
        errno.EMLINK,
        "it has a second name, as cp -al gives one, and what is written would be there too: "
        f"cp -p {name} {fresh} && mv {fresh} {name}",
        str(path),
    )


def create(path: Path, text: str) -> None:
    """Write a new file.  Raises OSError, FileExistsError when something is there."""
    fd = _created(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)


def replace(path: Path, text: str) -> None:
    """Replace a file, or write a new one: readers see the old text or the new one.

    Raises OSError, on a full disk for instance; then the old one is still there.
    """
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)  # what a crash has left behind
    create(fresh, text)
    fresh.replace(path)


def append(path: Path, text: str) -> None:
    """Append to a file, a new one when it is missing.  Raises OSError."""
    fd = open_own(path, os.O_WRONLY | os.O_APPEND)
    with open(fd, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def _created(path: Path, flags: int) -> int:
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, FILE_MODE)
    os.fchmod(fd, FILE_MODE)  # whatever the umask
    return fd
