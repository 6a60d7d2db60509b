"""Schedule: the time of the next pass, and the records to watch until then."""

from __future__ import annotations

from zcasync import clock
from zcasync.queues.partial_queue import PartialQueue
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import Schedule
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.retire import Retiring
from zcasync.supervisor.poll.set_aside import SettingAside
from zcasync.zeo.connections import cache_size, set_cache_size


class Scheduler:
    """Schedules the passes of one engine."""

    def __init__(
        self,
        records: EngineRecords,
        affinity: LaneAffinity,
        retiring: Retiring,
        aside: SettingAside,
    ) -> None:
        self._records = records
        self._affinity = affinity
        self._retiring = retiring
        self._aside = aside
        self._cache_size = cache_size(records.connection)

    def schedule(self, hungry: list[PartialQueue]) -> Schedule:
        """Return when the next pass is due; ``hungry``: the queues for whose jobs there is room."""
        manager, worker = self._records.manager, self._records.worker
        sizes = {worker._p_oid, worker.thread.size_oid, worker.reactor.size_oid}
        for_reactor = frozenset(manager.reactor.watched())
        watched = for_reactor | manager.thread.watched() | sizes
        # Every pass reads all of these objects: they must not push each other out of the cache.
        set_cache_size(self._records.connection, self._cache_size + 2 * len(watched))
        delay = min(self._delay(hungry), self._retiring.delay, self._aside.delay)
        return Schedule(delay, watched, for_reactor)

    def _delay(self, hungry: list[PartialQueue]) -> float:
        worker = self._records.worker
        delay = float(worker.poll_seconds)
        now = clock.now()
        for queue in hungry:
            due = queue.next_due(worker.uuid_bytes)
            if due is not None:
                delay = min(delay, max(0.0, (due - now) / 1e6))
        return max(delay, self._affinity.pause) if self._affinity.waits else delay
