"""What schedules cost a poll pass in which none of them is due: a pass of our own, no server."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import transaction
from ZODB.DemoStorage import DemoStorage

from bench import calls
from bench.rows import Need, Row, Say, middle
from bench.scale import Scale
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import install
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

SCHEDULES = 1000
#: Passes are measured many at once, the two kinds in turns.
TURNS = 9


class Engine:
    """An engine whose passes we make, in a database with so many schedules."""

    def __init__(self, schedules: int) -> None:
        self._db = make_database(DemoStorage())
        self._connection = self._db.open(transaction.TransactionManager())
        manager = install(self._connection)
        name = uuid.uuid4()
        worker = Worker(name)
        manager.workers.add(worker)
        worker.incarnation = Incarnation(uuid.uuid4(), name, ProcessIdentity.here())
        self._connection.add(worker.incarnation)
        worker.engineUUID = worker.incarnation.engineUUID
        for number in range(schedules):
            manager.schedules.add(f"schedule {number}", calls.noop, every=timedelta(days=1))
        self._commit()
        records = EngineRecords(self._connection, manager, worker, worker.incarnation)
        self._passes = Passes(records, Watch(time.monotonic), Environment())
        self._passes.run(PassInput())  # plans them

    def _commit(self) -> None:
        self._connection.transaction_manager.commit()

    def seconds(self, count: int) -> float:
        """How long one pass takes, of so many."""
        began = time.perf_counter()
        for _ in range(count):
            self._passes.run(PassInput())
        return (time.perf_counter() - began) / count

    def close(self) -> None:
        """Close its database."""
        self._connection.transaction_manager.abort()
        self._connection.close()
        self._db.close()


def measure(scale: Scale, say: Say) -> list[Row]:
    """Passes without schedules, and beside a thousand."""
    say(f"passes with 0 and {SCHEDULES:,} schedules")
    engines: list[Any] = [Engine(0), Engine(SCHEDULES)]
    try:
        found = [[one.seconds(scale.puts) for one in engines] for _ in range(TURNS)]
    finally:
        for one in engines:
            one.close()
    without, beside = (middle(turn[kind] for turn in found) for kind in (0, 1))
    ratio = middle(turn[1] / turn[0] for turn in found)
    return [
        Row("a pass with nothing to do", 1e6 * without, "us"),
        Row(f"the same with {SCHEDULES:,} schedules", 1e6 * beside, "us"),
        Row("times a pass without schedules", ratio, "x", need=Need(1.25, at_most=True)),
    ]
