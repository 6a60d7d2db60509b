"""Watch over the file of a served socket: without the file no new client could connect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

LOOK_SECONDS = 1.0


class SocketWatch:
    """Calls ``lost()`` once when the file at ``path`` is not the one it was at the start.

    Cleaners of temporary folders remove it, and so do operators.  Open connections go on working.
    """

    def __init__(self, reactor: Any, path: Path, lost: Callable[[], None]) -> None:
        self._path = path
        self._lost = lost
        self._file: tuple[int, int] | None = None
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor

    def start(self) -> None:
        """Check from now on."""
        self._file = self._found()
        if not self._checking.running:
            self._checking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Stop checking.  Safe to repeat."""
        if self._checking.running:
            self._checking.stop()

    def _check(self) -> None:
        if self._found() != self._file:
            self.stop()
            self._lost()

    def _found(self) -> tuple[int, int] | None:
        """Return the identity of the file that is there now."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
