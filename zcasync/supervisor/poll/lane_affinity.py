"""The lanes that an engine leaves to others for a moment, so that claims seldom conflict.

The engine that worked a lane last goes first, at a new lane one that all agree on; another one
takes over when the head of the lane has not moved for a while.  This only avoids conflicts: it is
the storage that decides which engine has claimed a job.
"""

from __future__ import annotations

import hashlib

from zcasync.datamanager import DataManager
from zcasync.queues.access import Access
from zcasync.queues.lane import Lane
from zcasync.supervisor.poll.environment import Environment

#: How long the head of another engine's lane may stand before we help, seconds: so many of our own
#: passes, because where ours take long the other's do too.
PATIENCE_PASSES = 4.0
SHORTEST_SECONDS = 0.05
LONGEST_SECONDS = 2.0
#: How often to forget lanes that are not there any more.
FORGET_SECONDS = 60.0


class LaneAffinity:
    """Remembers since when the heads of other engines' lanes have stood still."""

    def __init__(self, engine: bytes, environment: Environment) -> None:
        self._engine = engine
        self._engines = {engine}
        self._seconds = environment.seconds
        self._chance = environment.chance
        self._seen: dict[bytes, tuple[object, float]] = {}
        self._asked_for: set[bytes] = set()  # since we have last forgotten some
        self._forgot = self._seconds()
        self.waits = False
        self.pause = SHORTEST_SECONDS
        self._patience = SHORTEST_SECONDS
        self._has_conflicted = False
        self._began = self._seconds()

    def begin_pass(self, manager: DataManager) -> None:
        """Note which other engines there are."""
        self._began = self._seconds()
        engines = {worker.engine_bytes for worker in manager.workers.values()}
        self._engines = {engine for engine in engines if engine is not None} | {self._engine}
        self.waits = False
        if len(self._engines) == 1:
            self._seen.clear()
        if self._began - self._forgot >= FORGET_SECONDS:
            self._seen = {key: self._seen[key] for key in self._seen.keys() & self._asked_for}
            self._asked_for, self._forgot = set(), self._began

    def note_commit(self) -> None:
        """Learn from a committed pass how long passes take."""
        self._has_conflicted = False
        took = PATIENCE_PASSES * (self._seconds() - self._began)
        patience = 0.8 * self._patience + 0.2 * took
        self._patience = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, patience))

    def note_conflict(self) -> None:
        """After a conflict help no other engine in the next try, and wait longer later."""
        self._has_conflicted = True
        self._patience = min(LONGEST_SECONDS, 2 * self._patience)

    def _first(self, key: bytes) -> bytes:
        """Return the engine that goes first at a lane that none has worked: all agree on one."""

        def rank(engine: bytes) -> bytes:
            return hashlib.sha1(key + engine, usedforsecurity=False).digest()

        return max(self._engines, key=rank)

    def allows(self, key: bytes, lane: Lane) -> Access:
        """Return whether to claim from this lane now.

        While our own lanes have enough for us, helping an engine that is merely slower than we are
        wins nothing, and costs conflicts; one that stands still for long is helped in any case.
        """
        owner = lane.owner if lane.owner in self._engines else self._first(key)
        if owner == self._engine:
            return Access.NOW
        self._asked_for.add(key)
        head = (owner, lane.page._p_oid, lane.index, lane.seq)
        now = self._seconds()
        seen, since = self._seen.get(key, (None, now))
        if seen != head:
            self._seen[key] = (head, now)
            since = now
        if not self._has_conflicted and now - since >= self._patience:
            return Access.NOW if now - since >= LONGEST_SECONDS else Access.IF_IDLE
        self.waits = True
        self.pause = self._patience * self._chance.uniform(1.0, 1.5)
        return Access.NO
