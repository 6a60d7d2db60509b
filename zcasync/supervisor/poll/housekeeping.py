"""Housekeeping: drops lanes that no client uses, keys of what ended, what completed long ago."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from zcasync import clock
from zcasync.datamanager import DataManager
from zcasync.instance.settings import Settings
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.unique import START, Place, sweep
from zcasync.workers.retention import Retention
from zcasync.workers.worker import Worker

INTERVAL_SECONDS = 60.0
#: After its start an engine does not wait so long: it may never come to be a minute old.
FIRST_SECONDS = 5.0
#: Where more is to be dropped than one pass should, others follow after this.
BEHIND_SECONDS = 1.0
#: An empty lane that has not changed for so long is given up; its client starts a new one.
IDLE_LANE_SECONDS = 600.0


def retention_of(settings: Settings) -> Retention:
    """Return which completed jobs the settings have kept."""
    return Retention(
        timedelta(days=settings.keep_completed),
        timedelta(days=settings.keep_failed),
        settings.max_completed,
        settings.max_failed,
    )


class Housekeeping:
    """The work that an engine does once a minute, within a pass.

    ``seconds`` tells the time, monotonic; ``keep``: which completed jobs are kept.
    ``interval``: the seconds from one time to the next; ``idle``: those after which an empty lane
    that has not changed is given up.
    """

    def __init__(
        self,
        seconds: Callable[[], float] = time.monotonic,
        keep: Retention | None = None,
        interval: float = INTERVAL_SECONDS,
        idle: float = IDLE_LANE_SECONDS,
    ) -> None:
        self._seconds = seconds
        self._keep = keep or Retention()
        self._interval, self._idle_seconds = interval, idle
        self._last, self._wait = seconds(), min(FIRST_SECONDS, interval)
        self._clocks = clock.now(), seconds()  # when completed jobs were looked at last
        self._swept: dict[str, Place] = {}  # by queue: where the sweep of its keys has come to
        # By queue and lane: page and serial, since when.
        self._unchanged: dict[str, dict[bytes, tuple[bytes, float]]] = {}

    def do(self, manager: DataManager, worker: Worker) -> None:
        """Do it when it is time.  Safe to repeat when the pass has to be."""
        now = self._seconds()
        if now - self._last < self._wait:
            return
        self._last = now
        self._wait = (
            min(BEHIND_SECONDS, self._interval) if self._drop(manager, worker) else (self._interval)
        )
        for queue in manager.queues.values():
            queue.drop_idle_lanes(self._idle(queue, now))
            self._swept[queue.__name__] = sweep(queue, self._swept.get(queue.__name__, START))

    def _drop(self, manager: DataManager, worker: Worker) -> bool:
        """Drop completed jobs; return whether more are to be dropped soon."""
        before, self._clocks = self._clocks, (clock.now(), self._seconds())
        wall, steady = (now - then for now, then in zip(self._clocks, before, strict=True))
        set_by = int(wall - steady * 1e6)
        # A worker without an engine cannot do it by itself; any engine may.
        mine = [one for one in manager.workers.keepers if one is worker or one.engineUUID is None]
        are_behind = [self._keep.apply(one.completed, set_by) for one in mine]
        return True in are_behind

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
