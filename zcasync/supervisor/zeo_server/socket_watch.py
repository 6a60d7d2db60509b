"""Notices that the file of a socket that we serve is gone: nobody new could connect any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall

LOOK_SECONDS = 1.0


class SocketWatch:
    """Calls ``lost()`` once when the file at ``path`` is not the one it was at the start.

    Cleaners of temporary folders do that, and people.  Connections that exist go on working.
    """

    def __init__(self, reactor: Any, path: Path, lost: Callable[[], None]) -> None:
        self._path = path
        self._lost = lost
        self._file: tuple[int, int] | None = None
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look from now on."""
        self._file = self._found()
        if not self._looking.running:
            self._looking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Look no more.  Safe to repeat."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        if self._found() != self._file:
            self.stop()
            self._lost()

    def _found(self) -> tuple[int, int] | None:
        """Which file is there."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
