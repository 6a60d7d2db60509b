"""All workers of a database, on whatever hosts, as the database alone shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ZODB.utils import z64

from zcasync import clock
from zcasync.database.sync import moment_of
from zcasync.liveness.verdict import judge
from zcasync.reports.ended import ended
from zcasync.reports.walk import chosen
from zcasync.reports.workers import engine_facts
from zcasync.workers.worker import Worker

#: A record looks late by as long as its commit has taken.  No commit takes more than this,
#: microseconds; a clock that seems to be behind by less has to seem so twice.
LONGEST_COMMIT = 60_000_000


def all_workers(manager: Any, limit: int) -> dict[str, Any]:
    """Return up to ``limit`` workers, those with an engine first, and how many there are."""
    found = [] if manager is None else chosen(manager, limit)
    return {
        "workers": [_worker(one) for one in found],
        "workers_in_all": 0 if manager is None else len(manager.workers),
    }


def _worker(worker: Worker) -> dict[str, Any]:
    """Return what the records of a worker say, in the form of ``status``, and a little more.

    ``wrote``: when its engine has written its last sign of life, by the database's clock;
    ``clock_seconds``: how far its own clock was ahead of that then.
    """
    incarnation = worker.incarnation
    facts = engine_facts(worker.engineUUID, judge(worker))
    if facts["host"] is None and incarnation is not None:
        facts["host"] = incarnation.identity.host  # where it was last
    wrote = _moment(worker.ping)
    return {
        "uuid": str(worker.UUID),
        **facts,
        "home": None if incarnation is None else incarnation.home,
        "is_here": False,
        "ephemeral": worker.ephemeral,
        "last_ping": _text(worker.last_ping),
        "wrote": _text(None if wrote is None else clock.to_datetime(wrote)),
        "clock_seconds": _clock_seconds(worker),
        "thread": {"size": worker.thread.size, "len": len(worker.thread)},
        "reactor": {"size": worker.reactor.size, "len": len(worker.reactor)},
        **ended(worker.completed),
        "children": None,
        "versions": None if incarnation is None else incarnation.versions,
        "source": "database",
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(record: Any) -> int | None:
    """Return when a record was written, microseconds by the database's clock; None: not known."""
    record._p_activate()
    return None if record._p_serial == z64 else moment_of(record._p_serial)


def _clock_seconds(worker: Worker) -> float | None:
    """Return how far the clock of a worker's engine is ahead of the database's; None: unknown."""
    ahead = _ahead(worker.ping, worker.ping.at)
    if ahead is None or worker.incarnation is None or worker.engineUUID is None:
        return None
    if -LONGEST_COMMIT <= ahead < 0:
        start = worker.incarnation  # written once, when the engine has begun
        before = _ahead(start, start.started)
        ahead = min(0, max(ahead, ahead if before is None else before))
    return ahead / 1e6


def _ahead(record: Any, at: int | None) -> int | None:
    """Return how far the clock by which a record says ``at`` is ahead; microseconds."""
    moment = _moment(record)
    return None if moment is None or at is None else at - moment
