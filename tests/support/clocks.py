"""Clocks that are wrong: of this process, and of others, which can be set while they run."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zcasync import clock

#: The folder that processes with such a clock import from.
WRONG_CLOCK = Path(__file__).parent / "wrong_clock"
HOUR = 3600


class WrongClock:
    """The clock of processes that have its ``environment``, and ``WRONG_CLOCK`` on their path."""

    def __init__(self, path: Path, seconds: int = 0) -> None:
        self._path = path
        self.set(seconds)
        self.environment = {"ZCASYNC_WRONG_CLOCK": str(path)}

    def set(self, seconds: int) -> None:
        """Let it be wrong by so much from now on."""
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.write(struct.pack("q", seconds))


@contextmanager
def wrong_by(seconds: int) -> Iterator[None]:
    """What this process puts and commits meanwhile is put by a clock that is wrong."""
    with clock.following(lambda: time.time_ns() // 1000 + seconds * 1_000_000):
        yield
