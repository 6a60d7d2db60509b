"""The history that a client has seen of its database, compared with the server's at each connect.

An older backup may be restored behind a server's address, or another database put there.  What
clients have read and what they have committed is not in it, and whatever they do with that would be
lost or would do damage.  ZEO compares the ids of the last transactions only: it tries again for
ever where the server's is older, and where somebody has committed since it notices nothing.

Here a client keeps in mind which commits it has seen, and asks for their records when it connects
again.  Only proof counts: the server's last transaction is older, or the current record of an
object is, or the log of transactions, where it was not packed, goes on without the one in question.
What a pack can have removed proves nothing, and the client goes on with an empty cache.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from persistent.timestamp import TimeStamp
from ZEO.asyncio.client import ClientIO
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB.utils import p64, u64

from zcasync.errors import HistoryChanged
from zcasync.zeo.older import awaitable
from zcasync.zeo.seen_commits import Commit, Seen

log = logging.getLogger(__name__)

#: With several servers for one database, one may lag behind the others for so long, seconds.
LAG_SECONDS = 60.0
#: The status of a transaction that no pack has dealt with.
NOT_PACKED = (" ", b" ")
UNDOABLE = ("ZODB.interfaces", "IStorageUndoable")
ITERATED = ("ZODB.interfaces", "IStorageIteration")

#: Asks the server: the name of a method, its arguments.
Ask = Callable[..., Awaitable[Any]]


async def is_missing(ask: Ask, commit: Commit) -> bool:
    """Return whether it is proved that the server's database has never had this commit."""
    after = p64(u64(commit.tid) + 1)
    for oid in commit.oids:
        try:
            found = await ask("loadBefore", oid, after)
        except KeyError:  # removed by a pack, or it never was there
            continue
        if found is None:  # it was changed since, and what was before that was packed away
            continue
        _, serial, end = found
        if serial == commit.tid:
            return False
        if end is None:
            return True
    return await _is_missing_in_log(ask, commit.tid)


async def _is_missing_in_log(ask: Ask, tid: bytes) -> bool:
    """Return whether the log of transactions goes on without this one and was not packed there.

    A pack keeps, and marks, whatever has superseded what it removes.  So where the first
    transaction behind the place is not marked nothing was removed.
    """
    interfaces = {tuple(pair) for pair in (await ask("get_info"))["interfaces"]}
    if not {UNDOABLE, ITERATED} <= interfaces:
        return False
    number = await ask("iterator_start", tid, None)
    found = await ask("iterator_next", number)
    if found is None:
        return False
    await ask("iterator_gc", [number])
    return found[0] != tid and found[1] in NOT_PACKED


class ComparingClientIO(ClientIO):  # type: ignore[misc]
    """ZEO's part of a client that connects, which compares first; it runs in the network's thread.

    Once the histories differ it never connects again, and who asks it for anything gets the reason.
    """

    seen: Seen
    protocol: Any
    problem: str | None = None
    heartbeat: Any = None
    silence: str | None = None  # that its server does not answer
    _behind_since: float | None = None

    async def verify(self, server_tid: bytes | None) -> None:
        """Compare what was seen with the server's database, then verify the cache as ZEO does."""
        protocol = self.protocol
        try:
            if server_tid is None:
                server_tid = await protocol.server_call("lastTransaction")
            missing = await self._find_missing(protocol.server_call, server_tid)
        except Exception as error:  # as ZEO: whatever it is, this connection is of no use
            self.protocol = None
            self.register_failed(protocol, error)
            return
        if missing is not None and self.ready is not None:
            self._refuse(missing)
            return
        if missing is not None:
            log.warning("%s: %s; its cache is cleared", self.client.getName(), why(self, missing))
        if missing is not None or self.cache.getLastTid() > server_tid:
            self.cache.clear()
            self.client.invalidateCache()
        await awaitable(super().verify(server_tid))

    async def _find_missing(self, ask: Ask, server_tid: bytes) -> bytes | None:
        """Return the id of a commit that was seen and is not there; None where none is missed.

        Raises ClientDisconnected, and LaggingServer.
        """
        commits = self.seen.commits(self.cache, getattr(self.client, "hears_in_order", False))
        for commit in commits:
            if commit.tid == server_tid:
                break
            if commit.tid > server_tid:
                self._require_patience_is_over()
                return commit.tid
            if await self._is_missing(ask, commit):
                return commit.tid
        self._behind_since = None
        return None

    def _require_patience_is_over(self) -> None:
        """Raise LaggingServer where another of several servers may be meant."""
        if len(self.addrs) < 2:
            return
        now = self.loop.time()
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since < LAG_SECONDS:
            raise LaggingServer("this server does not have yet what another one has answered")

    @staticmethod
    async def _is_missing(ask: Ask, commit: Commit) -> bool:
        try:
            return await is_missing(ask, commit)
        except ClientDisconnected:
            raise
        except Exception as error:  # each kind of storage has reasons of its own
            log.warning("the histories cannot be compared: %s: %s", type(error).__name__, error)
            return False

    def _refuse(self, missing: bytes) -> None:
        """Give up the connection for good."""
        self.problem = why(self, missing)
        protocol, self.protocol = self.protocol, None
        self._clear_protocols()
        protocol.close()
        self.connected.set_exception(HistoryChanged(self.problem))
        self.connected.exception()  # whoever waits has it now
        self.cache.clear()
        self.client.invalidateCache()  # so that all notice it when they go on

    def try_connecting(self) -> None:
        """Try to connect, unless that was given up."""
        if self.problem is None:
            super().try_connecting()

    async def await_operational_co(self, timeout: float, init_ok: bool = False) -> None:
        """Wait for the connection.  Raises HistoryChanged, ClientDisconnected."""
        self.require_same_history()
        try:
            await awaitable(super().await_operational_co(timeout, init_ok))
        except ClientDisconnected as error:
            if self.silence is None:
                raise
            raise ClientDisconnected(f"{error}; {self.silence}") from error

    def require_same_history(self) -> None:
        """Raise HistoryChanged when that was found."""
        if self.problem is not None:
            raise HistoryChanged(self.problem)

    def invalidateTransaction(self, tid: bytes, oids: Collection[bytes]) -> None:
        """Note what another client has committed."""
        super().invalidateTransaction(tid, oids)
        self.seen.heard(tid, oids)

    async def tpc_finish_co(self, tid: Any, updates: Iterable[Any], f: Any) -> bytes:
        """Finish a commit, and note it."""
        committed: bytes = await awaitable(super().tpc_finish_co(tid, updates, f))
        self.seen.wrote(committed, (oid for oid, _, _ in updates))
        return committed


class LaggingServer(Exception):
    """One of several servers has not yet what another one has answered."""


def let_compare(client: Any, kind: type[ComparingClientIO] = ComparingClientIO) -> None:
    """Let ZEO's part of a client compare from now on.  What it has seen before it does not know."""
    if type(client) is ClientIO:
        client.seen = Seen()
        client.__class__ = kind


def compare_at_connect(db: Any) -> None:
    """Let a database's ZEO client, made by whom it may be, compare when it connects again.

    And those of its companions.  Does nothing for other storages.
    """
    for one in db.databases.values():
        if isinstance(one.storage, ClientStorage):
            let_compare(one.storage._server.client)


def require_same_history(db: Any) -> None:
    """Raise HistoryChanged where that was found for a database, or one of its companions."""
    for one in db.databases.values():
        client = getattr(getattr(one.storage, "_server", None), "client", None)
        if isinstance(client, ComparingClientIO):
            client.require_same_history()


def why(client: Any, missing: bytes) -> str:
    """Return what has happened, and what to do, in one sentence."""
    when = TimeStamp(missing)
    return (
        f"the database at {client.addrs} is not the one any more that this process has worked with "
        f"(transaction 0x{missing.hex()} of {when} UTC is not in it): an older backup was restored "
        "or another database put there; nothing more is committed, and this process has to be "
        "started again, so that it begins with empty caches"
    )
