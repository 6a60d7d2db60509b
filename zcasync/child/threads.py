"""The threads that a child's jobs have left when it is about to end, and where they are.

Those that are no daemons keep the process from ending.
"""

from __future__ import annotations

import threading

from zcasync.protocol.left_threads import LeftThread
from zcasync.protocol.thread_stacks import busy_threads


class JobThreads:
    """The threads that are not this process's own: those of now are, when it is made."""

    def __init__(self) -> None:
        self._own = set(threading.enumerate())

    def left(self) -> list[LeftThread]:
        """Return those that are there now, without the idle ones of pools."""
        return busy_threads(one for one in threading.enumerate() if one not in self._own)
