"""A database server in memory: its clock jumps, its commits are undone, its backups restored.

Processes are its clients with a :class:`tests.simulation.storage.Storage`.  The lock of a commit,
held between its vote and its end, is its ``holder``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ZODB.ConflictResolution import ConflictResolvingStorage
from ZODB.POSException import ConflictError, POSKeyError
from ZODB.utils import p64, u64, z64

#: Transaction ids a second, about as many as ZODB's timestamps count.
TICKS = 1 << 26

#: None: the commit that made it was undone.
Data = bytes | None
#: Of an object: when it was written, and what, oldest first.
Revisions = list[tuple[bytes, Data]]


class Server(ConflictResolvingStorage):  # type: ignore[misc]
    """The records, and the commits so far.

    ``at(place)`` is called in the name of whoever reads or commits, and may raise: at a ``read``,
    ``before`` the commit, when it has ``voted``, when its end is ``lost`` on the way, ``after`` it.
    ``wait_for(condition)`` lets others go on and returns whether that has helped.  ``seconds()`` is
    the clock that transaction ids are made of; it may stand still or go back.
    """

    def __init__(self) -> None:
        self.revisions: dict[bytes, Revisions] = {}
        self.log: list[tuple[bytes, tuple[bytes, ...]]] = []
        self.at: Callable[[str], None] = nothing
        self.wait_for: Callable[[Callable[[], bool]], bool] = lambda condition: False
        self.seconds: Callable[[], float] = lambda: 0.0
        self.holder: Any = None  # has voted; the others wait for it
        self.cut_offs = 0
        self.commits = 0
        self.first_tid = self.last_tid = z64
        self.last_oid = 0
        self.clients: list[Any] = []  # a Storage each

    def fork(self) -> Server:
        """A server of its own that begins with what this one has."""
        made = Server()
        made.last_tid = made.first_tid = self.last_tid
        made.last_oid = self.last_oid
        made.revisions = {oid: revisions[-1:] for oid, revisions in self.revisions.items()}
        return made

    def loadSerial(self, oid: bytes, serial: bytes) -> bytes:
        """One revision; conflict resolution asks for it."""
        data = dict(self.revisions[oid])[serial]
        if data is None:
            raise POSKeyError(oid)
        return data

    def serial(self, oid: bytes) -> bytes:
        """When an object was written last."""
        found = self.revisions.get(oid)
        return found[-1][0] if found else z64

    def new_oid(self) -> bytes:
        """The next one."""
        self.last_oid += 1
        return p64(self.last_oid)

    def take_lock(self, view: Any) -> None:
        """Wait for it; whoever holds it for long is cut off, as the server does."""
        while self.holder is not None and self.holder is not view:
            if not self.wait_for(lambda: self.holder is None):
                self.cut_offs += 1
                break
        self.holder = view

    def write(self, changes: Mapping[bytes, Data]) -> bytes:
        """Make a commit there is no way back from; returns its tid."""
        tid = p64(max(1 + u64(self.last_tid), int(self.seconds() * TICKS)))
        for oid, data in changes.items():
            self.revisions.setdefault(oid, []).append((tid, data))
        self.last_tid = tid
        self.log.append((tid, tuple(changes)))
        self.commits += 1
        return tid

    def undo(self, tid: bytes) -> bool:
        """Undo a commit as FileStorage does; False: it refuses."""
        try:
            changes = {oid: self._undone(oid, tid) for oid in dict(self.log)[tid]}
        except ConflictError:
            return False
        self.write(changes)
        self.announce()
        return True

    def _undone(self, oid: bytes, tid: bytes) -> Data:
        """Return what an object is to become; None: it was not there before."""
        revisions = self.revisions[oid]
        number = [one[0] for one in revisions].index(tid)
        before = revisions[number - 1][1] if number else None
        committed, current = revisions[-1]
        if current == revisions[number][1]:  # it may have been written since, but not changed
            return before
        if before is None or current is None:
            raise ConflictError(oid=oid)
        return self.tryToResolveConflict(oid, committed, tid, before, current)  # type: ignore

    def restore(self, tid: bytes) -> None:
        """Become what a backup of this moment has: what came later never was, nobody is told."""
        self.revisions = {
            oid: left
            for oid, revisions in self.revisions.items()
            if (left := [one for one in revisions if one[0] <= tid])
        }
        self.log = [one for one in self.log if one[0] <= tid]
        self.last_tid = self.log[-1][0] if self.log else self.first_tid
        self.holder = None
        for one in self.clients:
            one.heard = min(one.heard, len(self.log))

    def announce(self) -> None:
        """Tell those who are up to date, or would be if news did not take its time."""
        for one in self.clients:
            if not one.is_late:
                one.ping()

    def drop(self, client: Any) -> None:
        """Its process is gone."""
        self.clients.remove(client)


def nothing(place: str) -> None:
    """No hook."""
