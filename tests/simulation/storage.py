"""A process's client of the simulated server, and what its connections see.

A :class:`Storage` is as ZEO's ``ClientStorage``: the process's view moves on with the news that it
has heard, which may be late, but never later than the answer to what it asks the server.  A
connection's view is that of the beginning of its transaction, whatever others commit while it
reads.  There are no locks, because no two threads run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.interfaces import IMVCCStorage
from ZODB.POSException import ConflictError, POSKeyError, ReadConflictError
from ZODB.utils import z64
from zope.interface import implementer

from tests.simulation.server import Server


@implementer(IMVCCStorage)
class Storage:
    """One process's client of the server.

    ``is_late``: it hears news only when it asks for something, as if the news were under way.
    ``lock``: of its database; who holds that is not interrupted at a read.
    """

    lock: Any = None

    def __init__(self, server: Server) -> None:
        self.server = server
        self.heard = len(server.log)  # so many commits are known here
        self.is_late = False
        self.at = server.at
        self.sortKey: Callable[[], str] = str
        # Whoever listens here is told of what is heard, see zcasync.supervisor.poll.wakeup.
        self._instances: set[Any] = set()
        self._lock = nullcontext()
        server.clients.append(self)

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
        self._at = storage.at
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
        self._read()
        begun, heard = self._position, self._storage.heard
        if begun == heard:
            return []
        log = self._server.log
        self._position = heard
        self._tid = log[heard - 1][0] if heard else self._server.first_tid
        found: set[bytes] = set()
        for number in range(begun, heard):
            if number not in self._own:
                found.update(log[number][1])
        self._own.clear()
        return list(found)

    def load(self, oid: bytes) -> tuple[bytes, bytes]:
        """The record as it was when the transaction began."""
        self._read()
        for tid, data in reversed(self._revisions.get(oid, ())):
            if tid <= self._tid:
                if data is None:
                    raise POSKeyError(oid)
                return data, tid
        if oid not in self._revisions:
            raise POSKeyError(oid)
        self._storage.ping()  # no cache has it, so that the server was asked
        raise ReadConflictError(oid=oid)  # as ZODB's own adapter has it

    def loadBefore(self, oid: bytes, tid: bytes) -> tuple[bytes, bytes, bytes | None] | None:
        """The record as it was before a commit, its serial, and that of the next one."""
        self._read()
        if oid not in self._revisions:
            raise POSKeyError(oid)
        after = None
        for serial, data in reversed(self._revisions[oid]):
            if serial < tid:
                return None if data is None else (data, serial, after)
            after = serial
        return None

    def _read(self) -> None:
        lock = self._storage.lock
        if lock is None or not lock._is_owned():
            self._at("read")

    def prefetch(self, oids: Iterable[bytes]) -> None:
        """All is at hand."""

    # committing

    def tpc_begin(self, transaction: Any) -> None:
        self._at("before")
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
        self._at("voted")
        return resolved

    def tpc_finish(self, transaction: Any, func: Any = None) -> bytes:
        server = self._server
        self._at("lost")
        if server.holder is not self:
            raise ClientDisconnected("cut off: it had held the commit lock for too long")
        tid = server.write(self._changes)
        server.holder = None
        self._storage.ping()
        self._own.add(self._storage.heard - 1)
        server.announce()
        self._at("after")
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
