"""A ZEO client that sends a commit in one message, to a server that can read it.

ZEO sends each record of a commit by itself, each with a system call and a change of threads on
both sides, asks for the vote, and then for the finish; between the two the server is locked.  None
of these messages is answered before the vote, so they may as well travel with it, and where only
this storage takes part in a transaction the vote may as well be the finish: no writer then waits
for a client, however slow or frozen.  The server of the embedded default and of
``python -m zcasync.zeo`` can read that; to any other one the client sends what ZEO's client sends.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterable
from typing import Any

from zc.lockfile import LockError
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ReadOnlyError, StorageTransactionError

from zcasync.errors import BadStateError, HistoryChanged
from zcasync.zeo.blobs import NeedsBlobDir, blobs_removed
from zcasync.zeo.client_cache import cache_files
from zcasync.zeo.memory_buffers import CommitBuffer
from zcasync.zeo.object_ids import IdsOfThisServer
from zcasync.zeo.one_phase import TOLD, VIEW, announce
from zcasync.zeo.peers import CheckingThread, Locate
from zcasync.zeo.plain_values import require_plain

#: The name of the server's method, and the key in the server's info that announces it.
TOGETHER = "together"
#: The attribute of a committed transaction's metadata: its id and its oids.
COMMITTED = "zcasync_committed"
#: The requests that may follow the messages: the vote, or all that is left of the commit.
VOTE, COMMIT = "vote", "commit"
#: The messages that wait for the vote.
COLLECTED = frozenset(["tpc_begin", "storea", "checkCurrentSerialInTransaction", "deleteObject"])
#: The messages that any thread may send at any time, also during a commit of another thread.
UNRELATED = frozenset(["iterator_gc"])
#: A large commit goes in several parts, so that the server can begin to read it.
PART_MESSAGES = 250
PART_BYTES = 1024 * 1024

Message = tuple[str, tuple[Any, ...]]


class PipelinedClientStorage(NeedsBlobDir, IdsOfThisServer, ClientStorage):  # type: ignore[misc]
    """The client that the module describes.  One thread commits at a time and owns what waits.

    It compares histories from its first connect on, and reads nothing that a server of another user
    sends.  ``locate`` returns where the server's socket is now; None: always at its address.
    ``owner``: of the home that the server is of; None: of none.
    """

    def __init__(
        self, *args: Any, locate: Locate | None = None, owner: int | None = None, **options: Any
    ) -> None:
        factory = functools.partial(CheckingThread, locate=locate, owner=owner)
        for cache in cache_files(options):
            with contextlib.suppress(LockError):  # another process has the file: the next one
                super().__init__(*args, **{"_client_factory": factory, **options, **cache})
                break
        self._waiting: list[Message] = []
        self._bytes = 0
        self._alone: Any = None  # the metadata of a transaction without other storages
        self._async = self._say
        self._async_iter = self._stream
        self._call = self._ask

    # the storage's methods that differ from ZEO's

    is_closed = False
    _committer: int | None = None  # the thread that commits

    def close(self) -> None:
        """Close it for good."""
        self.is_closed = True
        super().close()

    def tpc_begin(self, txn: Any, tid: bytes | None = None, status: str = " ") -> None:
        """Begin a commit; what it stores is kept in memory, unless it is large.

        Waits until no other thread of this process commits.  Raises ReadOnlyError,
        StorageTransactionError where it has begun already, BadStateError where this thread commits
        by another connection, and TypeError for extended info that a server would not take.
        """
        if not hasattr(txn, "data"):  # of a recovery, which ZEO knows how to equip
            super().tpc_begin(txn, tid, status)
            return
        if self._is_read_only:
            raise ReadOnlyError()
        if self._has_begun(txn):
            raise StorageTransactionError("this transaction has begun already")
        if txn.extension:
            require_plain(txn.extension)
        if self._committer == threading.get_ident():  # it would wait for itself
            raise BadStateError(
                "a transaction has changes in two connections of one database: make them in one"
            )
        txn.set_data(self, CommitBuffer(self._connection_generation))
        self._commit_lock.acquire()
        self._committer = threading.get_ident()
        about = (txn.user, txn.description, txn.extension)
        try:
            self._async("tpc_begin", id(txn), *about, tid, status)
        except ClientDisconnected:
            self.tpc_end(txn)
            raise

    def _has_begun(self, txn: Any) -> bool:
        try:
            return txn.data(self) is not None
        except KeyError:
            return False

    def tpc_vote(self, txn: Any) -> Any:
        """Vote; commit where no other storage takes part.  Raises what a vote raises."""
        self._alone = txn if self._is_alone(txn) else None
        try:
            return super().tpc_vote(txn)
        finally:
            self._alone = None

    @staticmethod
    def _is_alone(txn: Any) -> bool:
        return hasattr(txn, VIEW)

    def tpc_finish(self, txn: Any, f: Any = lambda tid: None) -> bytes:
        """Finish what was voted for; return its id."""
        committed = getattr(txn, COMMITTED, None)
        if committed is None:
            return super().tpc_finish(txn, f)  # type: ignore[no-any-return]
        buffer, (tid, _) = txn.data(self), committed
        self.tpc_end(txn)
        self._iterator_gc()
        self._update_blob_cache(buffer, tid)
        return tid  # type: ignore[no-any-return]

    def tpc_abort(self, txn: Any, timeout: float | None = None) -> None:
        """Forget what was not committed; a commit that was interrupted afterwards stays."""
        with blobs_removed(txn.data(self) if self._has_begun(txn) else None):
            if hasattr(txn, COMMITTED):
                self.tpc_end(txn)
            else:
                with contextlib.suppress(HistoryChanged):  # nothing of it is there
                    super().tpc_abort(txn, timeout)
        if hasattr(txn, COMMITTED):  # committed in spite of the abort: the request was sent
            tid, oids = getattr(txn, COMMITTED)
            announce(getattr(txn, VIEW), tid, oids, to_itself=True)

    def tpc_end(self, txn: Any) -> None:
        """Let the next thread commit, also where the temporary file had no room for all of this."""
        if self._has_begun(txn):
            self._committer = None
        try:
            super().tpc_end(txn)
        except OSError:
            super().tpc_end(txn)  # the file is closed now, whatever was still to be written to it

    def has_heard_of(self, tid: bytes) -> bool:
        """Return whether all that was committed up to this transaction is known here.

        Only the server of :mod:`zcasync.zeo.server` announces commits in their order.
        """
        return self._can_read() and self.is_connected() and self.lastTransaction() >= tid

    @property
    def hears_in_order(self) -> bool:
        """True where the server reports a commit of others only when it is finished."""
        return self._can_read()

    # what is sent to the server

    def _can_read(self) -> bool:
        return TOGETHER in (getattr(self, "_info", None) or ())

    def _say(self, method: str, *args: Any) -> None:
        """Send a message without an answer.  Raises ClientDisconnected, HistoryChanged."""
        if method not in COLLECTED or not self._can_read():
            if method not in UNRELATED:
                self._send()
            self._require_connection(method)
            self._server.async_(method, *args)
            return
        self._require_connection(method)
        self._waiting.append((method, args))
        if method == "storea":
            self._bytes += len(args[2])
        if len(self._waiting) >= PART_MESSAGES or self._bytes >= PART_BYTES:
            self._send()

    def _stream(self, messages: Iterable[Message]) -> None:
        """Send the content of a blob behind what waits: the server must know of the commit.

        Raises ClientDisconnected, HistoryChanged.
        """
        self._send()
        self._require_connection("storeBlob")
        self._server.async_iter(messages)

    def _require_connection(self, method: str) -> None:
        if not self._server.client.operational:
            self._server.client.require_same_history()
            raise ClientDisconnected(method)

    def _ask(self, method: str, *args: Any, **options: Any) -> Any:
        """Send a request; the vote takes along what has waited for it."""
        if method == "tpc_abort":
            self._take()  # what was never sent to the server need not be aborted there
        if method == VOTE and self._can_read():
            if self._alone is not None:
                return self._server.io_call(self._commit(self._alone, self._take(), *args))
            return self._server.call(TOGETHER, self._take(), method, *args, **options)
        if method == VOTE:
            self._send()
        return self._server.call(method, *args, **options)

    async def _commit(self, txn: Any, messages: list[Message], number: int) -> Any:
        """Commit, in the network's thread; return what the vote returns.

        Later commits of others arrive in this thread too, so all are notified in order.
        """
        client, buffer = self._server.client, txn.data(self)
        if not client.operational or buffer.connection_generation != self._connection_generation:
            raise ClientDisconnected("commit")
        protocol = client.protocol
        resolved, tid = await protocol.server_call(TOGETHER, messages, COMMIT, number)
        if tid is not None:
            try:
                told = getattr(txn, TOLD)
                if told is not None:
                    told(tid)
                self._note(txn, buffer, resolved or (), tid)
            except BaseException:  # as in ZEO: the cache is incomplete, so reconnect and verify it
                protocol.close()
                client.disconnected(protocol)
                raise
        return resolved

    def _note(self, txn: Any, buffer: Any, resolved: Any, tid: bytes) -> None:
        """Note a commit: change what is cached, then notify all connections of this client."""
        for oid in resolved:
            buffer.server_resolve(oid)
        oids, cache = set(), self._cache
        for oid, data, was_resolved in buffer:
            oids.add(oid)
            cache.invalidate(oid, tid)
            if data and not was_resolved:
                cache.store(oid, tid, None, data)
        # No connection may see the new id before all were notified of what it has changed.
        with cache._lock:
            cache.setLastTid(tid)
            announce(getattr(txn, VIEW), tid, oids)
        self._server.client.seen.wrote(tid, oids)
        setattr(txn, COMMITTED, (tid, oids))

    def _send(self) -> None:
        """Send the messages that wait."""
        messages = self._take()
        if messages and self._can_read():
            self._server.async_(TOGETHER, messages)
        else:
            for method, args in messages:
                self._server.async_(method, *args)

    def _take(self) -> list[Message]:
        messages, self._waiting, self._bytes = self._waiting, [], 0
        return messages
