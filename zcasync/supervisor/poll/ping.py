"""Ping: an engine writes its sign of life where others may otherwise take it for dead."""

from __future__ import annotations

from collections.abc import Callable

from zcasync.workers.worker import Worker

#: An engine without claims pings only every ten minutes.
IDLE_PING_SECONDS = 600.0


class Pings:
    """Pings in the passes of one engine; ``seconds`` is the clock."""

    def __init__(self, worker: Worker, seconds: Callable[[], float]) -> None:
        self._worker = worker
        self._seconds = seconds
        self._pinged = float("-inf")
        self._interval = float("inf")
        self._mark: float | None = None  # by which it is known in the record
        self._written: tuple[float, float, float | None] | None = None  # the same of this pass

    def ping(self, at_once: bool = False) -> None:
        """Write when the last ping gets old, or when this engine now promises to write sooner.

        Also where somebody has undone it: an earlier promise may be to write sooner.  ``at_once``:
        in any case.
        """
        self._written = None
        worker = self._worker
        holds_claims = len(worker.thread) + len(worker.reactor) > 0
        interval = float(worker.ping_interval) if holds_claims else IDLE_PING_SECONDS
        now = self._seconds()
        is_undone = self._mark is not None and worker.ping.monotonic != self._mark
        is_old = interval < self._interval or now - self._pinged >= self._interval / 2
        if at_once or is_undone or is_old:
            worker.ping.write(interval + worker.ping_death_interval)
            self._written = now, interval, worker.ping.monotonic

    def committed(self) -> None:
        """Note that the pass is committed, and with it its ping."""
        if self._written is not None:
            self._pinged, self._interval, self._mark = self._written
