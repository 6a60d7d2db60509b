"""Watching engines that cannot be looked at: their silence, by this process's own clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zcasync.liveness.verdict import Watch

#: How often to look.
PAUSE_SECONDS = 1.0
#: A pause between two looks counts for no more than this: this process may have been frozen.
LONGEST_STEP_SECONDS = 6.0


@dataclass
class _Seen:
    """What was seen of one engine's ping record."""

    serial: bytes
    looked: float
    looks: int = 1
    unchanged: float = 0.0
    has_changed: bool = False


class Watcher:
    """Looks at workers again and again.  ``seconds`` tells the time, monotonic."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._seen: dict[bytes, _Seen] = {}

    def look(self, worker: Any) -> Watch | None:
        """One more look, in a transaction that sees the newest commits; None: it has no engine."""
        if worker._engine is None:
            return None
        worker.ping._p_activate()
        serial, now = worker.ping._p_serial, self._seconds()
        seen = self._seen.setdefault(worker._engine, _Seen(serial, now, looks=0))
        seen.looks += 1
        seen.unchanged += min(now - seen.looked, LONGEST_STEP_SECONDS)
        seen.looked = now
        if seen.serial != serial:
            seen.serial, seen.unchanged, seen.has_changed = serial, 0.0, True
        return Watch(seen.looks, seen.unchanged, seen.has_changed)
