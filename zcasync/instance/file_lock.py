"""Whether a file is locked, asked without taking anything from who holds it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a file, in whatever container it runs.

    Raises OSError when the file cannot be opened although it is there.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def is_seen_locked(path: Path) -> bool:
    """Return whether a process is seen to hold the lock of a file."""
    try:
        return is_locked(path)
    except OSError:  # who may not open it sees nothing
        return False
