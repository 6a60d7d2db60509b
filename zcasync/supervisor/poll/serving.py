"""Serving: the queues that a worker claims from in a pass, in which order, and how much of each."""

from __future__ import annotations

from typing import NamedTuple

from zcasync.datamanager import DataManager
from zcasync.job.broken import broken
from zcasync.queues.partial_queue import PartialQueue
from zcasync.supervisor.poll.slots import Slot
from zcasync.workers.worker import Worker


class Share(NamedTuple):
    """A queue, and how many more of its jobs to claim; None: as many as there is room for."""

    queue: PartialQueue
    most: int | None


class Serving:
    """The choice of one worker, pass by pass.

    Of several queues another one comes first in each pass, so that none waits for the others to be
    empty.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._turn = 0

    def reactor(self, manager: DataManager, slot: Slot) -> list[Share]:
        """Return the share of the reactor queue, where it is served."""
        return self._shares([manager.reactor], [slot])

    def thread(self, manager: DataManager, slots: list[Slot]) -> list[Share]:
        """Return the shares of the queues whose jobs children perform."""
        shares = self.left(manager, slots)
        if len(shares) > 1:
            self._turn = (self._turn + 1) % len(shares)
            shares = shares[self._turn :] + shares[: self._turn]
        return shares

    def left(self, manager: DataManager, slots: list[Slot]) -> list[Share]:
        """Return what is left of these shares, when some of it is claimed."""
        found = [queue for name, queue in manager.queues.items() if name != "reactor"]
        return self._shares(found, slots)

    def _shares(self, queues: list[PartialQueue], slots: list[Slot]) -> list[Share]:
        served, shares = self._worker.queues, []
        for queue in queues:
            if queue.is_paused or (served is not None and queue.__name__ not in served):
                continue
            limit = None if served is None else served[queue.__name__]
            most = None if limit is None else limit - _count(queue, slots)
            if most is None or most > 0:
                shares.append(Share(queue, most))
        return shares


def _count(queue: PartialQueue, slots: list[Slot]) -> int:
    """Return how many jobs of a queue are claimed and have not ended, as far as can be read."""
    return sum(
        broken(one) is None and one.queue is queue
        for slot in slots
        for one in slot.claims.items
        if one._p_oid not in slot.unretired and one._p_oid not in slot.report.completed
    )
