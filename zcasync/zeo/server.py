"""A ZEO server that keeps the order of commits, and releases the locks of clients it cuts off.

``python -P -m zcasync.zeo -C etc/zeo.conf`` is ``runzeo`` which answers for many records at once,
with repairs that ZEO 6.2 needs:

- A client that is frozen between vote and finish is cut off after ``transaction-timeout``, but ZEO
  then forgets to release the commit lock, so that no client can ever commit again.
- A file storage whose file was replaced or removed goes on to confirm commits, which nobody will
  ever find, see :mod:`zcasync.zeo.own_file`.
- A file storage that fails in the last step of a commit closes itself, and ZEO goes on to serve
  it, with an error for every client; for a full disk see :mod:`zcasync.zeo.full_disk`.
- ZEO notifies the other clients of a commit just before its last step.  If the server dies there,
  or that step fails, they know of a commit that does not exist, and cannot connect any more.
- A file storage that finds an unfinished commit cuts it off, and still reports its time as that of
  the last commit; clients that rely on it cannot connect to the next server either.
- ZEO queues the invalidations of a commit behind what its loop is about to do, so that a client can
  be notified of its own commit before an older one of another client, complain about the order and,
  for a moment, read an old state.
- A server that is killed forgets which object ids it had given out and gives them once more, see
  :mod:`zcasync.zeo.object_ids`.
- Whoever reaches a server can run code there: see :mod:`zcasync.zeo.client_messages`,
  :mod:`zcasync.zeo.client_requests` and :mod:`zcasync.zeo.conflict_resolution`; or occupy it, see
  :mod:`zcasync.zeo.client_connections`; and its socket may be open to others, see
  :mod:`zcasync.zeo.own_socket`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ZEO.StorageServer
from ZEO.asyncio.server import Result
from ZODB.FileStorage import FileStorage
from ZODB.POSException import POSKeyError, StorageTransactionError

from zcasync.zeo.bulk_load import LOAD_MANY
from zcasync.zeo.client import COLLECTED, COMMIT, TOGETHER, VOTE, Message
from zcasync.zeo.client_connections import ClientAcceptor
from zcasync.zeo.client_messages import require_scalars
from zcasync.zeo.client_requests import ChecksRequests
from zcasync.zeo.full_disk import EXIT_NO_ROOM, end_when_full, why_no_room
from zcasync.zeo.memory_buffers import CommitLog
from zcasync.zeo.object_ids import ONCE, give_none_twice
from zcasync.zeo.own_file import OwnFile, last_commit
from zcasync.zeo.own_socket import open_to_nobody_else, warn_of_open_doors
from zcasync.zeo.tls_refusals import tell_refusals

log = logging.getLogger(__name__)

#: The exit code after a storage closed itself in a commit: it would answer no client any more.
EXIT_STORAGE_CLOSED = 73


class Handler(ChecksRequests, ZEO.StorageServer.ZEOStorage):  # type: ignore[misc]
    """The handler of one client.

    It can load many records at once (see :mod:`zcasync.zeo.bulk_load`), and read a commit
    that comes in one message (see :mod:`zcasync.zeo.client`).
    """

    def get_info(self) -> dict[str, Any]:
        """Return ZEO's info, with keys for what this server can do besides."""
        gives_once = self.storage_id in self.server.gives_once
        return {
            **super().get_info(),
            LOAD_MANY: True,
            TOGETHER: True,
            **({ONCE: True} if gives_once else {}),
        }

    def register(self, storage_id: str, read_only: bool, *args: Any) -> Any:
        """Register the client, and let it call the methods that this server has besides ZEO's."""
        answer = super().register(storage_id, read_only, *args)
        self.connection.let_in({*self.connection.methods, LOAD_MANY, TOGETHER})
        return answer

    def together(self, messages: list[Message], question: str = "", *args: Any) -> Any:
        """Take note of the messages of a commit; return the answer to the request behind them.

        To a vote it is ZEO's answer; to a commit the same, and the transaction's id.
        """
        for method, given in messages:
            if type(method) is not str or method not in COLLECTED:
                raise ValueError("there is another request among the messages of a commit")
            require_scalars(method, given)
            getattr(self, method)(*given)
        if question == COMMIT:
            return self.commit(*args)
        return self.vote(*args) if question == VOTE else None

    def commit(self, tid: int) -> Any:
        """Vote and finish once no other client commits; waits for no client in between."""
        self._check_tid(tid, exc=StorageTransactionError)
        return self.lock_manager.lock(self, lambda: self._commit(tid))

    def _commit(self, tid: int) -> Any:
        resolved = self._vote()
        if not self.locked:  # there are conflicts that the client is to resolve, or no client
            return resolved, None
        serial, release = self.tpc_finish(tid).args
        # The lock is released after the answer, so that clients are notified in order.
        return Result((resolved, serial), release)

    def tpc_finish(self, tid: int) -> Any:
        """End a commit; other clients are notified when it is on the disk.

        No client can have read anything in between: all are served in one thread.
        """
        self._news: list[bytes] = []
        answer = super().tpc_finish(tid)
        for each in self._news:
            super()._invalidate(each)
        return answer

    def _invalidate(self, tid: bytes) -> None:
        self._news.append(tid)

    def load_many(
        self, oids: list[bytes], tid: bytes, limit: int | None = None
    ) -> list[tuple[bytes, bytes] | None]:
        """Return (data, serial) of each record as it was before ``tid``; None where there is none.

        None also for one of more than ``limit`` bytes.
        """
        found = [self._load_one(oid, tid) for oid in oids]
        if limit is None:
            return found
        return [None if one is not None and len(one[0]) > limit else one for one in found]

    def _load_one(self, oid: bytes, tid: bytes) -> tuple[bytes, bytes] | None:
        try:
            found = self.loadBefore(oid, tid)
        except POSKeyError:
            return None
        return None if found is None else found[:2]


class Server(ZEO.StorageServer.StorageServer):  # type: ignore[misc]
    """The storage server with these repairs.

    ``may_move``: whoever has started it sees where the folders of its files are.
    """

    _is_closing = False

    def __init__(self, *args: Any, may_move: bool = False, **options: Any) -> None:
        if options.get("ssl") is not None:
            tell_refusals(options["ssl"])
        with open_to_nobody_else():
            super().__init__(*args, **{"Acceptor": ClientAcceptor, **options})
        warn_of_open_doors(self.acceptor.addr, self.ssl)
        self.gives_once: set[str] = set()  # names of storages
        self._files: list[OwnFile] = []
        self._may_move = may_move
        for name, storage in self.storages.items():
            self._require_room(storage)
            self._know_the_last_commit(storage)
            if give_none_twice(storage):
                self.gives_once.add(name)
            storage.close = self._leaving_with(name, storage.close)
            end_when_full(name, storage)
            self._watch_file(name, storage)

    def _watch_file(self, name: str, storage: Any) -> None:
        """Let the process end when the file of a storage was replaced or removed."""
        if isinstance(storage, FileStorage) and not storage.isReadOnly():
            file = OwnFile(name, storage, may_move=self._may_move)
            file.watch(self.acceptor.event_loop)
            self._files.append(file)

    @staticmethod
    def _require_room(storage: Any) -> None:
        """Raise SystemExit where the file of a storage cannot grow."""
        if isinstance(storage, FileStorage) and not storage.isReadOnly():
            why = why_no_room(Path(storage.getName()))
            if why is not None:
                log.critical(why)
                raise SystemExit(EXIT_NO_ROOM)

    @staticmethod
    def _know_the_last_commit(storage: Any) -> None:
        """Let a file storage report as its last commit the one that is in the file."""
        if isinstance(storage, FileStorage):
            _, tid = last_commit(storage._file.fileno(), storage.getSize())
            if tid:
                storage._ltid = tid

    def _leaving_with(self, name: str, close: Callable[[], None]) -> Callable[[], None]:
        """Return a ``close`` that ends the process when it was the storage that closed itself."""

        def close_and_leave() -> None:
            close()
            if not self._is_closing:
                log.critical(
                    "storage %r has closed itself: this server ends, and whoever starts it again "
                    "opens the storage anew",
                    name,
                )
                os._exit(EXIT_STORAGE_CLOSED)

        return close_and_leave

    def close(self, *args: Any, **options: Any) -> None:
        """Close the storages and end the connections."""
        self._is_closing = True
        for file in self._files:
            file.close()
        super().close(*args, **options)

    def create_client_handler(self) -> Handler:
        """Return the handler of the next client."""
        return Handler(self, self.read_only)


#: ZEO's own log of a commit, which is kept in a file.
FileLog = ZEO.StorageServer.CommitLog


def keep_logs_in_memory() -> None:
    """Let the ZEO servers of this process keep commits in memory until the vote.

    ZEO's handler of a client makes its log by this name, and nowhere else, so this is for a process
    that is a database server and nothing else.
    """
    ZEO.StorageServer.CommitLog = lambda: CommitLog(FileLog)
