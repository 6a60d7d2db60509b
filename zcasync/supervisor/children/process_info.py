"""The state of a process: its memory, whether a signal has stopped it; signals and processors."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

import psutil


def signal_name(number: int) -> str:
    """Return the name of a signal; the kernel knows more than have names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def usable_processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
