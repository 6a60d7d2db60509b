"""The state of a process: its memory, and whether a signal has stopped it."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessInfo:
    """The memory of a process, and whether it is stopped; ``rss``: resident memory, bytes."""

    rss: int
    is_stopped: bool

    @classmethod
    def of(cls, pid: int) -> ProcessInfo | None:
        """Return the state of a process; None when it is gone or cannot be read."""
        try:
            process = psutil.Process(pid)
            return cls(process.memory_info().rss, process.status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return None
