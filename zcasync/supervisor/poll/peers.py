"""The other engines: looks at them now and then, and buries those that are dead."""

from __future__ import annotations

from typing import Any

from transaction import TransactionManager
from ZODB.POSException import ConflictError

from zcasync.database.sync import catch_up
from zcasync.datamanager import DataManager
from zcasync.liveness.takeover import has_leftovers, take_over
from zcasync.liveness.verdict import STALE, judge_watched
from zcasync.liveness.watch import PAUSE_SECONDS, Watch
from zcasync.supervisor.environment import Environment
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker


class Peers:
    """All workers but this one, over this one's connection."""

    def __init__(
        self,
        connection: Any,
        manager: DataManager,
        worker: Worker,
        incarnation: Incarnation,
        watch: Watch,
        surroundings: Environment,
    ) -> None:
        self._connection = connection
        self._transactions: TransactionManager = connection.transaction_manager
        self._manager = manager
        self._worker = worker
        self._incarnation = incarnation
        self._watch = watch
        self._surroundings = surroundings
        self._looked = float("-inf")

    def look(self) -> list[str]:
        """Bury the engines that are dead and take their work over, in a commit of its own."""
        now = self._surroundings.seconds()
        if now - self._looked < PAUSE_SECONDS:
            return []
        self._looked = now
        if len(self._manager.workers) > 1:
            catch_up(self._connection.db())
        self._transactions.begin()
        notes = []
        try:
            for worker in self._manager.workers.values():
                notes += self._look_at(worker)
            self._transactions.commit()
        except ConflictError:  # another engine was first, or will be next time
            self._transactions.abort()
            return []
        except BaseException:
            self._transactions.abort()
            raise
        return notes

    def _look_at(self, worker: Worker) -> list[str]:
        if worker is self._worker:
            return []
        engine, judgement = worker.engineUUID, judge_watched(worker, self._watch)
        if judgement.verdict in STALE:
            why = judgement.reason
            notes = take_over(worker, why, self._worker, self._incarnation)
            return [f"engine {engine} of worker {worker.UUID} is buried: {why}", *notes]
        if has_leftovers(worker):
            return take_over(worker, "left over", self._worker, self._incarnation)
        return []
