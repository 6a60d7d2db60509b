"""What the machine says of a process: its memory, and whether a signal has stopped it."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class ProcessInfo:
    """``rss``: resident memory, bytes."""

    rss: int
    is_stopped: bool


def look(pid: int) -> ProcessInfo | None:
    """The vitals of a process; None when it is gone or cannot be looked at."""
    try:
        process = psutil.Process(pid)
        return ProcessInfo(process.memory_info().rss, process.status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return None
