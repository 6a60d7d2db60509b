"""Housekeeping: drops lanes that no client uses, keys of what ended, what completed long ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from zcasync.datamanager import DataManager
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.unique import START, Place, sweep
from zcasync.workers.completed import RETENTION
from zcasync.workers.kept_failed import FAILED_RETENTION
from zcasync.workers.worker import Worker

INTERVAL_SECONDS = 60.0
#: An empty lane that has not changed for so long is given up; its client starts a new one.
IDLE_LANE_SECONDS = 600.0


class Housekeeping:
    """The work that an engine does once a minute, within a pass.

    ``seconds`` tells the time, monotonic; ``keep``: for how long completed jobs are kept, and
    ``keep_failed``: failed ones, where that is longer.
    ``interval``: the seconds from one time to the next; ``idle``: those after which an empty lane
    that has not changed is given up.
    """

    def __init__(
        self,
        seconds: Callable[[], float] = time.monotonic,
        keep: timedelta = RETENTION,
        interval: float = INTERVAL_SECONDS,
        idle: float = IDLE_LANE_SECONDS,
        keep_failed: timedelta = FAILED_RETENTION,
    ) -> None:
        self._seconds = seconds
        self._keep, self._keep_failed = keep, keep_failed
        self._interval, self._idle_seconds = interval, idle
        self._last = seconds()
        self._swept: dict[str, Place] = {}  # by queue: where the sweep of its keys has come to
        # By queue and lane: page and serial, since when.
        self._unchanged: dict[str, dict[bytes, tuple[bytes, float]]] = {}

    def do(self, manager: DataManager, worker: Worker) -> None:
        """Do it when it is time.  Safe to repeat when the pass has to be."""
        now = self._seconds()
        if now - self._last < self._interval:
            return
        self._last = now
        for one in manager.workers.values():
            # A worker without an engine cannot do it by itself; any engine may.
            if one is worker or one.engineUUID is None:
                one.completed.prune(self._keep, self._keep_failed)
        for queue in manager.queues.values():
            queue.drop_idle_lanes(self._idle(queue, now))
            self._swept[queue.__name__] = sweep(queue, self._swept.get(queue.__name__, START))

    def _idle(self, queue: PartialQueue, now: float) -> list[bytes]:
        idle = []
        before = self._unchanged.get(queue.__name__, {})
        # Made anew: what another engine gives up is not to be remembered for ever.
        now_seen = self._unchanged[queue.__name__] = {}
        for key, lane in queue.lanes().items():
            page = lane.inbox.last
            if page._p_oid is None:  # this pass has made the lane
                continue
            page._p_activate()  # until it is loaded again, a page has the serial that it had
            state = page._p_oid + page._p_serial
            seen, since = before.get(key, (b"", now))
            if seen != state:
                since = now
            now_seen[key] = (state, since)
            if now - since >= self._idle_seconds and lane.is_empty():
                idle.append(key)
        return idle
