"""The jobs that wait in a child, shared by its two threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Job:
    """A partial to perform, or one whose Deferred has fired with ``value``."""

    oid: bytes
    has_fired: bool = False
    value: Any = None


class Jobs:
    """A queue of jobs from which what has not begun can be taken back."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._held: set[bytes] = set()  # begun, and waiting for a Deferred
        self._finished = False
        self.busy = False
        self._news: list[bytes | None] = []  # claims that the job's thread may not see yet

    def add(self, oids: Iterable[bytes], tid: bytes | None = None) -> None:
        """Append jobs whose claim is committed, by this transaction."""
        with self._changed:
            self._waiting.extend(map(Job, oids))
            self._news.append(tid)
            self._changed.notify()

    def take_news(self) -> list[bytes | None]:
        """The transactions that have claimed what was added since the last call."""
        with self._changed:
            news, self._news = self._news, []
            return news

    def hold(self, oid: bytes) -> None:
        """A job waits for a Deferred: there will be more to do even after ``finish``."""
        with self._changed:
            self._held.add(oid)

    def drop_held(self) -> None:
        """Expect nothing more of the jobs that wait for a Deferred."""
        with self._changed:
            self._held.clear()
            self._changed.notify()

    def add_fired(self, oid: bytes, value: Any) -> None:
        """A job's Deferred has fired: its result is to be stored before anything else."""
        with self._changed:
            self._held.discard(oid)
            self._waiting.appendleft(Job(oid, True, value))
            self._changed.notify()

    def next(self) -> Job | None:
        """Wait for the next job; None when there will be no more."""
        with self._changed:
            self.busy = False
            while not self._waiting:
                if self._finished and not self._held:
                    return None
                self._changed.wait()
            self.busy = True
            return self._waiting.popleft()

    def next_now(self) -> Job | None:
        """The next job when there is one already."""
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def put_first(self, job: Job) -> None:
        """Give one back that has not begun."""
        with self._changed:
            self._waiting.appendleft(job)

    def take_back(self) -> list[bytes]:
        """Forget what has not begun; returns the oids."""
        with self._changed:
            oids = [job.oid for job in self._waiting if not job.has_fired]
            self._waiting = deque(job for job in self._waiting if job.has_fired)
            return oids

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be begun."""
        return not self._waiting

    def waiting(self) -> list[bytes]:
        """The oids of what has not begun."""
        with self._changed:
            return [job.oid for job in self._waiting]

    def finish(self) -> None:
        """Let ``next`` return None once nothing is left to do."""
        with self._changed:
            self._finished = True
            self._changed.notify()
