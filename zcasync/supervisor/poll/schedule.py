"""Schedule: the time of the next pass, and the records to watch until then."""

from __future__ import annotations

from zcasync import clock
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.watched import tree_oids
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import Schedule
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.retire import Retiring
from zcasync.supervisor.poll.schedules import Ticking
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
        ticking: Ticking,
    ) -> None:
        self._records = records
        self._affinity = affinity
        self._retiring = retiring
        self._aside = aside
        self._ticking = ticking
        self._cache_size = cache_size(records.connection)

    def schedule(self, hungry: list[PartialQueue], asks: bool = False) -> Schedule:
        """Return when the next pass is due; ``hungry``: the queues for whose jobs there is room.

        ``asks``: reactor jobs cannot begin yet, and it is to be told whether one is due.
        """
        manager, worker = self._records.manager, self._records.worker
        sizes = {worker._p_oid, worker.thread.size_oid, worker.reactor.size_oid}
        for_reactor = frozenset(manager.reactor.watched())
        queues = manager.queues
        of_threads = [queue.watched() for name, queue in queues.items() if name != "reactor"]
        pauses = {queue._p_oid for queue in queues.values()} | {
            manager._p_oid,
            *tree_oids(manager.own_queues),
        }
        watched = for_reactor.union(*of_threads, pauses, self._ticking.watched) | sizes
        # Every pass reads all of these objects: they must not push each other out of the cache.
        set_cache_size(self._records.connection, self._cache_size + 2 * len(watched))
        delay = min(self._delay(hungry), self._retiring.delay, self._aside.delay)
        delay = min(delay, self._ticking.delay)
        is_due = False
        if asks and worker.reactor.size:
            wait = self._wait_for(manager.reactor)
            is_due = wait == 0.0
            delay = min(delay, wait or delay)
        return Schedule(delay, watched, for_reactor, is_due)

    def _delay(self, hungry: list[PartialQueue]) -> float:
        worker = self._records.worker
        delay = float(worker.poll_seconds)
        delay = min([delay, *map(self._wait_for, hungry)])
        return max(delay, self._affinity.pause) if self._affinity.waits else delay

    def _wait_for(self, queue: PartialQueue) -> float:
        """Return the seconds until the next job of a queue is due; infinity: none waits."""
        due = queue.next_due(self._records.worker.uuid_bytes)
        return float("inf") if due is None else max(0.0, (due - clock.now()) / 1e6)
