"""Schedule: the time of the next pass, and the records to watch until then."""

from __future__ import annotations

from zcasync import clock
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.watched import tree_oids
from zcasync.supervisor.poll.dispatch import Dispatched
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

    def schedule(self, claimed: Dispatched, asks: bool = False) -> Schedule:
        """Return when the next pass is due after what was claimed in this one.

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
        delay = min(self._delay(claimed), self._retiring.delay, self._aside.delay)
        delay = min(delay, self._ticking.delay)
        is_due = False
        if asks and worker.reactor.size:
            wait = self._wait_for(manager.reactor, claimed)
            is_due = wait == 0.0
            delay = min(delay, wait or delay)
        if claimed.hungry:
            watched |= claimed.admission.watched(self._records.incarnation)
        # Every pass reads all of these objects: they must not push each other out of the cache.
        set_cache_size(self._records.connection, self._cache_size + 2 * len(watched))
        return Schedule(delay, watched, for_reactor, is_due)

    def _delay(self, claimed: Dispatched) -> float:
        worker = self._records.worker
        delay = float(worker.poll_seconds)
        delay = min([delay, *(self._wait_for(queue, claimed) for queue in claimed.hungry)])
        return max(delay, self._affinity.pause) if self._affinity.waits else delay

    def _wait_for(self, queue: PartialQueue, claimed: Dispatched) -> float:
        """Return the seconds until the next job of a queue is due; infinity: none waits.

        Jobs with quotas may wait for a child without jobs: a pass follows each end.
        """
        is_busy = claimed.is_prefetch and queue is not self._records.manager.reactor
        admission = claimed.admission
        ready_at = admission.if_plenty if is_busy else admission.ready_at
        due = queue.next_due(self._records.worker.uuid_bytes, ready_at)
        return float("inf") if due is None else max(0.0, (due - clock.now()) / 1e6)
