"""A database server in memory: its clock jumps, its commits can be held up, cut off or in doubt.

A :class:`Storage` is one process's client of it, as ZEO's ``ClientStorage`` is: the process's view
moves on with the news that it has heard, which may be late, but never later than the answer to what
it asks the server.  There are no locks, because there are no threads; the lock of a commit, held
between its vote and its end, is the server's ``holder``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.ConflictResolution import ConflictResolvingStorage
from ZODB.interfaces import IMVCCStorage
from ZODB.POSException import ConflictError, POSKeyError, ReadConflictError
from ZODB.utils import p64, u64, z64
from zope.interface import implementer

#: Transaction ids a second, about as many as ZODB's timestamps count.
TICKS = 1 << 26

#: Of an object: when it was written, and what, oldest first.
Revisions = list[tuple[bytes, bytes]]


class Server(ConflictResolvingStorage):  # type: ignore[misc]
    """The records, and the commits so far.

    ``at(place)`` is called in the name of whoever commits, and may raise: ``before`` the commit,
    when it has ``voted``, when its end is ``lost`` on the way, ``after`` it.  ``seconds()`` is the
    clock that transaction ids are made of; it may stand still or go back.
    """

    def __init__(self) -> None:
        self.revisions: dict[bytes, Revisions] = {}
        self.log: list[tuple[bytes, tuple[bytes, ...]]] = []
        self.at: Callable[[str], None] = _nothing
        self.seconds: Callable[[], float] = lambda: 0.0
        self.holder: View | None = None  # has voted; the others wait for it
        self.cut_offs = 0
        self.commits = 0
        self.first_tid = self.last_tid = z64
        self.last_oid = 0
        self._storages: list[Storage] = []

    def fork(self) -> Server:
        """A server of its own that begins with what this one has."""
        made = Server()
        made.last_tid = made.first_tid = self.last_tid
        made.last_oid = self.last_oid
        made.revisions = {oid: revisions[-1:] for oid, revisions in self.revisions.items()}
        return made

    def loadSerial(self, oid: bytes, serial: bytes) -> bytes:
        """One revision; conflict resolution asks for it."""
        return dict(self.revisions[oid])[serial]

    def serial(self, oid: bytes) -> bytes:
        """When an object was written last."""
        found = self.revisions.get(oid)
        return found[-1][0] if found else z64

    def new_oid(self) -> bytes:
        """The next one."""
        self.last_oid += 1
        return p64(self.last_oid)

    def take_lock(self, view: View) -> None:
        """Whoever holds it is cut off, as the server does when others have waited for long."""
        if self.holder is not None and self.holder is not view:
            self.cut_offs += 1
        self.holder = view

    def write(self, changes: dict[bytes, bytes]) -> bytes:
        """Make a commit there is no way back from; returns its tid."""
        tid = p64(max(1 + u64(self.last_tid), int(self.seconds() * TICKS)))
        for oid, data in changes.items():
            self.revisions.setdefault(oid, []).append((tid, data))
        self.last_tid = tid
        self.log.append((tid, tuple(changes)))
        self.commits += 1
        return tid

    def announce(self) -> None:
        """Tell those who are up to date, or would be if news did not take its time."""
        for one in self._storages:
            if not one.is_late:
                one.ping()

    def storage(self) -> Storage:
        """One more process's."""
        made = Storage(self)
        self._storages.append(made)
        return made

    def drop(self, storage: Storage) -> None:
        """Its process is gone."""
        self._storages.remove(storage)


def _nothing(place: str) -> None:
    """No hook."""


@implementer(IMVCCStorage)
class Storage:
    """One process's client of the server.

    ``is_late``: it hears news only when it asks for something, as if the news were under way.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.heard = len(server.log)  # so many commits are known here
        self.is_late = False
        self.sortKey: Callable[[], str] = str
        # Whoever listens here is told of what is heard, see zcasync.supervisor.poll.wakeup.
        self._instances: set[Any] = set()
        self._lock = nullcontext()

    def ping(self) -> None:
        """Ask the server, and so hear what it has said before it answers."""
        log, begun = self.server.log, self.heard
        if begun == len(log):
            return
        self.heard = len(log)
        for listener in self._instances:
            for tid, oids in log[begun:]:
                listener._invalidate(tid, oids)

    def new_instance(self) -> View:
        """For a connection."""
        return View(self)

    def isReadOnly(self) -> bool:
        """It is not."""
        return False

    def tpc_vote(self, transaction: Any) -> None:
        """Connections have views of their own; DB only looks whether it is there."""
        raise NotImplementedError


class View:
    """What one connection sees of the server's records."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._server = storage.server
        self._position = storage.heard
        self._own: set[int] = set()  # commits of this connection: no news to it
        self._revisions = storage.server.revisions
        log = storage.server.log[: storage.heard]
        self._tid = log[-1][0] if log else storage.server.first_tid
        self._changes: dict[bytes, bytes] = {}
        self._serials: list[tuple[bytes, bytes]] = []
        self._reads: list[tuple[bytes, bytes]] = []
        self.new_oid = storage.server.new_oid

    # reading

    def sync(self, force: bool = True) -> None:
        """Nothing to wait for."""

    def poll_invalidations(self) -> Iterable[bytes]:
        """Move on to what the process has heard; returns what has changed."""
        begun, heard = self._position, self._storage.heard
        if begun == heard:
            return []
        log = self._server.log
        self._position, self._tid = heard, log[heard - 1][0]
        found: set[bytes] = set()
        for number in range(begun, heard):
            if number not in self._own:
                found.update(log[number][1])
        self._own.clear()
        return list(found)

    def load(self, oid: bytes) -> tuple[bytes, bytes]:
        """The record as it was when the transaction began."""
        for tid, data in reversed(self._revisions.get(oid, ())):
            if tid <= self._tid:
                return data, tid
        if oid not in self._revisions:
            raise POSKeyError(oid)
        self._storage.ping()  # no cache has it, so that the server was asked
        raise ReadConflictError(oid=oid)  # as ZODB's own adapter has it

    def prefetch(self, oids: Iterable[bytes]) -> None:
        """All is at hand."""

    # committing

    def tpc_begin(self, transaction: Any) -> None:
        self._server.at("before")
        self._changes, self._serials, self._reads = {}, [], []

    def store(self, oid: bytes, serial: bytes, data: bytes, _: str, transaction: Any) -> None:
        self._changes[oid] = data
        self._serials.append((oid, serial))

    def checkCurrentSerialInTransaction(self, oid: bytes, serial: bytes, transaction: Any) -> None:
        self._reads.append((oid, serial))

    def tpc_vote(self, transaction: Any) -> list[bytes]:
        server = self._server
        server.take_lock(self)
        self._storage.ping()
        for oid, serial in self._reads:
            if server.serial(oid) != serial:
                raise ReadConflictError(oid=oid, serials=(server.serial(oid), serial))
        resolved = []
        for oid, serial in self._serials:
            committed = server.serial(oid)
            if committed != serial:
                data = self._changes[oid]
                if serial == z64:
                    raise ConflictError(oid=oid, serials=(committed, serial), data=data)
                self._changes[oid] = server.tryToResolveConflict(oid, committed, serial, data)
                resolved.append(oid)
        server.at("voted")
        return resolved

    def tpc_finish(self, transaction: Any, func: Any = None) -> bytes:
        server = self._server
        server.at("lost")
        if server.holder is not self:
            raise ClientDisconnected("cut off: it had held the commit lock for too long")
        tid = server.write(self._changes)
        server.holder = None
        self._storage.ping()
        self._own.add(self._storage.heard - 1)
        server.announce()
        server.at("after")
        return tid

    def tpc_abort(self, transaction: Any) -> None:
        if self._server.holder is self:
            self._server.holder = None

    # the rest of the interface

    def isReadOnly(self) -> bool:
        """It is not."""
        return False

    def sortKey(self) -> str:
        """Of its database, so that the order of two databases is always the same."""
        return self._storage.sortKey()

    def release(self) -> None:
        """Nothing to release."""
