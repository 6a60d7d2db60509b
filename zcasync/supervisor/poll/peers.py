"""The other engines: checks them now and then, and buries those that are dead."""

from __future__ import annotations

from collections.abc import Callable

from transaction import TransactionManager
from ZODB.POSException import ConflictError

from zcasync.database.sync import catch_up
from zcasync.events import Told
from zcasync.liveness.takeover import has_leftovers, take_over
from zcasync.liveness.verdict import STALE, judge_watched
from zcasync.liveness.watch import PAUSE_SECONDS, Watch
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.worker import Worker


class Peers:
    """All workers but this one."""

    def __init__(self, records: EngineRecords, watch: Watch, seconds: Callable[[], float]) -> None:
        self._connection = records.connection
        self._transactions: TransactionManager = records.connection.transaction_manager
        self._manager = records.manager
        self._worker = records.worker
        self._incarnation = records.incarnation
        self._watch = watch
        self._seconds = seconds
        self._checked = float("-inf")

    def look(self) -> list[str]:
        """Bury the engines that are dead and take their work over, in a commit of its own."""
        now = self._seconds()
        if now - self._checked < PAUSE_SECONDS:
            return []
        self._checked = now
        if len(self._manager.workers) > 1:
            catch_up(self._connection.db())
        self._transactions.begin()
        notes = []
        told = Told()
        try:
            with told.anew():
                for worker in self._manager.workers.values():
                    notes += self._check(worker)
            self._transactions.commit()
        except ConflictError:  # another engine was first, or will be next time
            self._transactions.abort()
            return []
        except BaseException:
            self._transactions.abort()
            raise
        if told.tell():
            self._transactions.abort()
        return notes

    def _check(self, worker: Worker) -> list[str]:
        if worker is self._worker:
            return []
        notes: list[str] = []
        engine, judgement = worker.engineUUID, judge_watched(worker, self._watch)
        if judgement.verdict in STALE:
            why = judgement.reason
            notes = take_over(worker, why, self._worker, self._incarnation)
            notes.insert(0, f"engine {engine} of worker {worker.UUID} is buried: {why}")
        elif has_leftovers(worker):
            notes = take_over(worker, "left over", self._worker, self._incarnation)
        if worker.is_removable:
            self._manager.workers.remove(worker)
            notes.append(f"worker {worker.UUID} was ephemeral: its record is removed")
        return notes
