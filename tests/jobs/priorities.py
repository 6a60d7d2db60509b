"""Callables that leave their names, in the order in which they begin."""

from __future__ import annotations

import os
import time
from pathlib import Path


def begin(path: str, name: str, seconds: float = 0.0) -> None:
    """Leave a name, and take so long."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, f"{name}\n".encode())
    os.close(fd)
    time.sleep(seconds)


def begun(path: str) -> list[str]:
    """Return the names that were left."""
    try:
        return Path(path).read_text().split()
    except FileNotFoundError:
        return []
