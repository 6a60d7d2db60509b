"""Reaps orphans: processes that jobs have left, and that are process 1's, which this one may be.

In a container the supervisor is often process 1.  The kernel makes it the parent of all whose own
has ended, and they stay in its table until somebody takes their exit codes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Container
from pathlib import Path
from typing import Any

import psutil
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import LoopingCall

LOOK_SECONDS = 2.0


class Reaper:
    """Looks for orphans every two seconds, where this process is process 1.

    Those of ``own`` are Twisted's to wait for, and all of this process's group are for whoever has
    started them here, a reactor job perhaps; children, and all that they start, have other groups.
    """

    def __init__(self, reactor: Any, own: Container[int] = reapProcessHandlers) -> None:
        self._own = own
        self._ended: set[int] = set()  # at the last look
        self._looking = LoopingCall(self.look)
        self._looking.clock = reactor

    def start(self) -> None:
        """Look from now on.  Safe to repeat."""
        if os.getpid() == 1 and not self._looking.running:
            self._looking.start(LOOK_SECONDS, now=False)

    def look(self) -> None:
        """Take the exit codes of orphans that had ended at the last look, too."""
        ended = {pid for pid in _children() if self._is_orphan(pid)}
        for pid in ended & self._ended:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._ended = ended

    def _is_orphan(self, pid: int) -> bool:
        """Return whether a process has ended for which nobody here waits."""
        try:
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return False
            return pid not in self._own and os.getpgid(pid) != os.getpgid(0)
        except (psutil.Error, ProcessLookupError):  # gone meanwhile
            return False


def _children() -> list[int]:
    """Return the processes whose parent this one is, ended or not."""
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return [int(pid) for pid in found.read_text().split()]
    except OSError:  # a kernel without it
        return [one.pid for one in psutil.Process().children()]
