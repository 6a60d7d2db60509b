"""Watch over the file of a served socket: without the file no new client could connect."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home

log = Logger()

#: A socket that was removed is there again within a second.
LOOK_SECONDS = 0.5


class SocketWatch:
    """Calls ``lost()`` once when a socket's file is not the one it was at the start.

    Cleaners of temporary folders remove it, and so do operators.  Open connections go on working,
    so where the folder is another user's now, this is logged, and waits until it can be ours again.
    """

    def __init__(self, reactor: Any, home: Home, lost: Callable[[], None]) -> None:
        self._home = home
        self._lost = lost
        self._path: Path | None = None
        self._file: tuple[int, int] | None = None
        self._problem = ""
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor

    def start(self, path: Path) -> None:
        """Check the file at ``path`` from now on."""
        self._path = path
        self._file = self._found()
        self._problem = ""
        if not self._checking.running:
            self._checking.start(LOOK_SECONDS, now=False)

    def stop(self) -> None:
        """Stop checking.  Safe to repeat."""
        if self._checking.running:
            self._checking.stop()

    def _check(self) -> None:
        found = self._found()
        # None: it was gone before the first look already.
        is_lost = found is None or found != self._file
        if is_lost and self._can_be_made_anew():
            self.stop()
            self._lost()

    def _can_be_made_anew(self) -> bool:
        if not self._home.var.is_dir():  # the whole home is gone, which others see
            return False
        try:
            self._home.place_sockets()
        except ConfigurationError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                log.error("{path} is gone: {why}", path=str(self._path), why=self._problem)
            return False
        return True

    def _found(self) -> tuple[int, int] | None:
        """Return the identity of the file that is there now."""
        assert self._path is not None
        try:
            found = self._path.lstat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
