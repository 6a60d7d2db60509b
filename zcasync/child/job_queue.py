"""The queue of jobs that wait in a child, shared by its two threads."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """A partial to perform; with ``has_fired`` one whose Deferred has fired with ``value``.

    ``is_check``: it is only to be loaded, with all that its call needs; or else ``value``, a pickle
    with the oids of what it refers to.
    """

    oid: bytes
    has_fired: bool = False
    value: Any = None
    is_check: bool = False


class JobQueue:
    """A queue of jobs from which those that have not begun can be revoked."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._held: set[bytes] = set()  # begun, and waiting for a Deferred
        self._finished = False
        self.busy = False
        self._tids: list[bytes | None] = []  # of claims that the job thread may not see yet

    def add(
        self, oids: Iterable[bytes], tid: bytes | None = None, *, is_check: bool = False
    ) -> None:
        """Append jobs whose claim is committed; ``tid``: by this transaction, None: unknown."""
        with self._changed:
            self._waiting.extend(Job(oid, is_check=is_check) for oid in oids)
            self._tids.append(tid)
            self._changed.notify()

    def add_value(self, oid: bytes, data: bytes, references: list[bytes]) -> None:
        """Append a value of the job ``oid`` to be loaded as a trial."""
        with self._changed:
            self._waiting.append(Job(oid, value=(data, references), is_check=True))
            self._changed.notify()

    def take_claim_tids(self) -> list[bytes | None]:
        """Return the transactions that have claimed what was added since the last call."""
        with self._changed:
            tids, self._tids = self._tids, []
            return tids

    def hold(self, oid: bytes) -> None:
        """Record that a job waits for a Deferred: more is to be done, even after ``finish``."""
        with self._changed:
            self._held.add(oid)

    def drop_held(self) -> None:
        """Expect nothing more of the jobs that wait for a Deferred."""
        with self._changed:
            self._held.clear()
            self._changed.notify()

    def add_fired(self, oid: bytes, value: Any) -> None:
        """Add, in front, a job whose Deferred has fired: its result is to be stored first."""
        with self._changed:
            self._held.discard(oid)
            self._waiting.appendleft(Job(oid, True, value))
            self._changed.notify()

    def next(self) -> Job | None:
        """Wait for the next job and return it; None when there will be no more."""
        with self._changed:
            self.busy = False
            while not self._waiting:
                if self._finished and not self._held:
                    return None
                with contextlib.suppress(BaseException):  # raised here, late, to end an earlier job
                    self._changed.wait()
            self.busy = True
            return self._waiting.popleft()

    def next_now(self) -> Job | None:
        """Return the next job, None when there is none now; do not wait."""
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def put_first(self, job: Job) -> None:
        """Return a job that has not begun to the front."""
        with self._changed:
            self._waiting.appendleft(job)

    def reorder(self, oids: list[bytes]) -> list[bytes]:
        """Bring the jobs that have not begun into this order; return their oids, as they are then.

        Jobs whose Deferred has fired stay in front, others that are not named go behind.
        """
        places = {oid: number for number, oid in enumerate(oids)}
        with self._changed:
            fired = [job for job in self._waiting if job.has_fired]
            rest = [job for job in self._waiting if not job.has_fired]
            rest.sort(key=lambda job: places.get(job.oid, len(places)))
            self._waiting = deque([*fired, *rest])
            return [job.oid for job in rest]

    def take_back(self) -> list[bytes]:
        """Revoke the jobs that have not begun; return their oids."""
        with self._changed:
            oids = [job.oid for job in self._waiting if not job.has_fired]
            self._waiting = deque(job for job in self._waiting if job.has_fired)
            return oids

    @property
    def is_empty(self) -> bool:
        """True while no job waits to begin."""
        return not self._waiting

    @property
    def is_finishing(self) -> bool:
        """True once no more jobs are to begin: what runs may stop at a checkpoint."""
        return self._finished

    def waiting(self) -> list[bytes]:
        """Return the oids of the jobs that have not begun."""
        with self._changed:
            return [job.oid for job in self._waiting]

    def finish(self) -> None:
        """Let ``next`` return None once nothing is left to do."""
        with self._changed:
            self._finished = True
            self._changed.notify()
