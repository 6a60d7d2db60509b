"""A gate that a job stops at until the test opens it; works across processes and their deaths."""

from __future__ import annotations

import os
from pathlib import Path

from zcasync.testing.waiting import wait_until


class Gate:
    """Two files: one says who has come to the gate, the other that it is open."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)
        self._arrivals = Path(f"{self.path}.arrivals")
        self._open = Path(f"{self.path}.open")

    def arrive(self) -> None:
        """Say that this process is here."""
        fd = os.open(self._arrivals, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, f"{os.getpid()}\n".encode())
        os.close(fd)

    def pass_through(self, timeout: float = 60.0) -> None:
        """Say that this process is here, and wait until the gate is open."""
        self.arrive()
        wait_until(lambda: self.is_open, f"gate {self.path} to open", timeout)

    @property
    def is_open(self) -> bool:
        """Whether everybody is let through."""
        return self._open.exists()

    def open(self) -> None:
        """Let everybody through from now on."""
        self._open.touch()

    def arrivals(self) -> list[int]:
        """The pids of those who came, in order; one that came twice is there twice."""
        try:
            return [int(line) for line in self._arrivals.read_text().split()]
        except FileNotFoundError:
            return []

    def wait_for(self, count: int = 1, timeout: float = 30.0) -> int:
        """Wait until so many have come; the pid of the last of them."""
        wait_until(
            lambda: len(self.arrivals()) >= count,
            f"{count} to arrive at {self.path}",
            timeout,
            self.arrivals,
        )
        return self.arrivals()[count - 1]
