"""Reads seldom what a job prints beyond its limit: little time goes there, and the job is held up.

Between two reads is a pause, as long as it takes for the reading to cost a small share of the time.
So whoever writes gets rid of several megabytes in a second, and its pipe is full meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from zcasync.supervisor.children.timers import cancel

READ_BYTES = 64 * 1024
#: Of the time of one core, for each of a child's two pipes.
SHARE = 0.03
#: What a read costs besides what is measured.
READ_SECONDS = 0.0001


class OutputPauses:
    """The pauses in which a child's output is not read.

    ``reader(fd)`` returns the reader of one of its pipes, None: it is closed.  ``received(fd,
    data)`` takes what was read, and calls ``begin`` again where that is too much.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        reader: Callable[[int], Any],
        received: Callable[[int, bytes], None],
    ) -> None:
        self._reactor = reactor
        self._reader = reader
        self._received = received
        self._timers: dict[int, IDelayedCall] = {}  # of the pipes that are not read now

    def begin(self, fd: int) -> None:
        """Do not read from a pipe for a while.  Safe to repeat."""
        reader = self._reader(fd)
        if reader is None or fd in self._timers:
            return
        reader.stopReading()
        self._timers[fd] = self._reactor.callLater(READ_SECONDS / SHARE, self._read, fd)

    def end(self) -> None:
        """Forget the pauses: the process is gone."""
        for timer in self._timers.values():
            cancel(timer)
        self._timers.clear()

    def _read(self, fd: int) -> None:
        """Read once, and pause again where that too was more than is logged."""
        reader = self._reader(fd)
        del self._timers[fd]
        if reader is None or reader.disconnecting:
            return
        began = time.thread_time()
        data = read_some(reader)
        if data:
            self._received(fd, data)
        if fd not in self._timers:
            reader.startReading()
            return
        cost = time.thread_time() - began + READ_SECONDS
        self._timers[fd].reset(cost / SHARE)


def read_some(reader: Any) -> bytes:
    """Return what is in a pipe, as much as one holds; nothing where it is empty or broken."""
    try:
        return os.read(reader.fileno(), READ_BYTES)
    except OSError:
        return b""
