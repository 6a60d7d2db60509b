"""What became of the jobs of a load: read from their records, which nothing else was asked for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync import clock
from zcasync.interfaces import COMPLETED
from zcasync.job.broken import broken
from zcasync.job.failure import is_failure
from zcasync.load.latencies import Latencies
from zcasync.zeo.bulk_load import load_all

#: So many records are loaded with one request.
PIECE = 500


@dataclass(frozen=True)
class Put:
    """One put: where its job is, when it was committed, and how long that took from its moment on.

    ``committed`` in microseconds since 1970, ``took`` in microseconds.
    """

    database: str
    oid: bytes
    committed: int
    took: int


@dataclass
class Outcomes:
    """Counts of jobs; ``start``: from the commit to the begin of the call, ``result``: from the
    moment of the put to the end of the call; of those that have not begun or ended: so far."""

    start: Latencies = field(default_factory=Latencies)
    result: Latencies = field(default_factory=Latencies)
    completed: int = 0
    failed: int = 0
    conflicts: int = 0  # attempts of jobs that have conflicted
    gone: int = 0  # whose records are no longer there
    unended: list[Put] = field(default_factory=list)
    first: int | None = None  # when the first was due and the last has ended, microseconds
    last: int | None = None
    early: int = 0  # calls that have begun before they were put, by two clocks


class Reading:
    """Reads the records of ``puts``, again and again until all have ended."""

    def __init__(self, puts: list[Put]) -> None:
        self._left = deque(sorted(puts, key=lambda put: put.committed))
        self._all = len(puts)
        self._found = Outcomes()

    @property
    def done(self) -> int:
        """How many have ended, or are gone."""
        return self._all - len(self._left)

    def read(self, connection: Any, manager: Any) -> bool:
        """Look once at those that had not ended; return whether any has ended since.

        For ``Session.do``: within one transaction.
        """
        before = len(self._left)
        left: list[Put] = []
        while self._left:
            piece = [self._left.popleft() for _ in range(min(PIECE, len(self._left)))]
            load_all(connection, [put.oid for put in piece if not put.database])
            unended = [put for put in piece if not self._is_over(connection, put)]
            left += unended
            connection.cacheGC()
            if len(unended) == len(piece):  # what was put later has hardly ended
                break
        self._left.extendleft(reversed(left))
        return len(self._left) < before

    def end(self) -> Outcomes:
        """Return all that was found; those that have not ended count with their time so far."""
        now = clock.now()
        for put in self._left:
            self._found.start.add(now - put.committed)
            self._found.result.add(now - put.committed + put.took)
        self._found.unended = list(self._left)
        return self._found

    def _is_over(self, connection: Any, put: Put) -> bool:
        """Count a job that is over, or gone; return whether it is."""
        try:
            here = connection.get_connection(put.database) if put.database else connection
            partial = here.get(put.oid)
            is_readable = broken(partial) is None
        except POSKeyError:
            self._found.gone += 1
            return True
        if not is_readable or partial.state != COMPLETED:
            partial._p_deactivate()
            return False
        self._count(put, partial)
        partial._p_deactivate()
        return True

    def _count(self, put: Put, partial: Any) -> None:
        found, due = self._found, put.committed - put.took
        found.completed += 1
        found.failed += is_failure(partial.result)
        found.conflicts += partial.conflicts
        if partial.started_at is not None:
            found.start.add(max(0, partial.started_at - put.committed))
            found.early += partial.started_at < due
        if partial.ended_at is not None:
            found.result.add(max(0, partial.ended_at - due))
            found.last = max(found.last or 0, partial.ended_at)
        found.first = min(found.first or due, due)
