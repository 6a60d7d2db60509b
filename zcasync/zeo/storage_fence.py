"""The fence around the storages: what jobs commit past the connections that they were given.

A job can open connections and databases of its own, undo, or write to a storage itself.  All of
that begins a commit at some storage, and there it is fenced, for those who act for an engine: the
code of jobs, by the context in which it is called, and in a child, which belongs to one engine, the
whole process.  For anybody else, such as the application in whose process an engine runs, the
storages do what they always do.

The token is the serial of the engine's incarnation, a record that is written when the engine begins
and not again before it is over.  At the storage that has this record its serial is checked in the
commit itself.  At any other one it is looked up when the commit begins.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ZEO.ClientStorage import ClientStorage
from ZODB.Connection import TransactionMetaData
from ZODB.interfaces import IMVCCStorage
from ZODB.POSException import POSKeyError
from ZODB.utils import load_current

from zcasync.errors import FencedError
from zcasync.zeo import labels, second_clients

#: The attribute of a storage class's method that passes the fence already.
GUARDED = "zcasync_guarded"


@dataclass(frozen=True)
class StorageFence:
    """The fence of one engine: its UUID, and its incarnation's database, oid and serial."""

    db: Any
    oid: bytes
    serial: bytes
    engine: uuid.UUID

    def require(self, storage: Any) -> None:
        """Raise FencedError when the engine is known to be over before a commit has begun.

        Only asks the server where the storage is not the incarnation's own.
        """
        if storage is self.db.storage or _newest_serial(self.db, self.oid) == self.serial:
            return
        raise FencedError(
            f"engine {self.engine} is over: nothing that its jobs still do may be committed"
        )

    def check(self, storage: Any, transaction: Any) -> None:
        """Let a commit that has begun fail with a ConflictError if the engine is over by then."""
        if storage is self.db.storage or self._has_record(storage):
            storage.checkCurrentSerialInTransaction(self.oid, self.serial, transaction)

    def _has_record(self, storage: Any) -> bool:
        """Return whether another client's storage is that of the incarnation."""
        try:
            return self.engine.bytes in load_current(storage, self.oid)[0]
        except POSKeyError:
            return False


def _newest_serial(db: Any, oid: bytes) -> bytes | None:
    """Return the serial of a record as the server has it now; None: it is not there any more."""
    ping = getattr(db.storage, "ping", None)
    if ping is not None:
        ping()  # what others have committed is known from here on
    view = db._mvcc_storage.new_instance()
    try:
        view.poll_invalidations()
        return view.load(oid)[1]  # type: ignore[no-any-return]
    except POSKeyError:
        return None
    finally:
        view.release()


# who acts for which engine


class _Default(Enum):
    PROCESS = "as the process"


_context: ContextVar[StorageFence | _Default | None] = ContextVar(
    "zcasync.storage_fence", default=_Default.PROCESS
)


class _Process:
    """The fence of all code of this process that acts for no engine by its context."""

    fence: StorageFence | None = None
    refusal: str | None = None


def refuse_commits(why: str) -> None:
    """Let no commit of this process begin any more at a storage that is guarded; ``why``: a text.

    Such a commit raises FencedError.
    """
    _Process.refusal = why


def fence_process(fence: StorageFence | None) -> None:
    """Fence all commits of this process, of every thread; None: none any more."""
    if fence is not None:
        guard(fence.db)
    _Process.fence = fence


def active() -> StorageFence | None:
    """Return the fence of the code that runs here; None: it acts for no engine."""
    found = _context.get()
    return _Process.fence if isinstance(found, _Default) else found


@contextlib.contextmanager
def acting_for(fence: StorageFence | None) -> Iterator[None]:
    """Fence what is committed in the ``with`` block, and by coroutines that are begun in it.

    None: as outside the block.
    """
    if fence is None:
        yield
        return
    guard(fence.db)
    token = _context.set(fence)
    try:
        yield
    finally:
        _context.reset(token)


def fenced_already(begin: Callable[[Any], None], transaction: Any) -> None:
    """Begin a commit that is fenced in another way."""
    token = _context.set(None)
    try:
        begin(transaction)
    finally:
        _context.reset(token)


# the storages


def guard(db: Any) -> None:
    """Let the storages of a database and its companions fence those who act for an engine.

    So do all clients of ZEO servers from then on, also such as are made later.  Safe to repeat.
    """
    for one in db.databases.values():
        if type(one.storage) not in _guarded:
            _guarded.add(type(one.storage))
            second_clients.keep_out()
            _guard(ClientStorage)
            kind = _kind_that_commits(one)
            _guard(kind)
            for base in kind.__mro__:  # clients that the application makes itself are of this class
                if base.__module__ == "relstorage.storage" and "tpc_begin" in vars(base):
                    _guard(base)


#: The classes of the storages of databases that were seen.
_guarded: set[type] = set()


def _kind_that_commits(db: Any) -> type:
    """Return the class of the storages that a database's connections commit to."""
    if not IMVCCStorage.providedBy(db.storage):
        return type(db.storage)
    view = db.storage.new_instance()  # of a connection; it may be of another class
    view.release()
    return type(view)


def _guard(kind: Any) -> None:
    begin = kind.tpc_begin
    if getattr(begin, GUARDED, False):
        return

    @functools.wraps(begin)
    def tpc_begin(self: Any, transaction: Any, *args: Any, **options: Any) -> None:
        if _Process.refusal is not None:
            raise FencedError(f"{_Process.refusal}: it may not commit anything")
        if isinstance(transaction, TransactionMetaData) and not args and not options:
            labels.write(transaction)  # else it is a copy of one that was committed elsewhere
        fence = active()
        if fence is None:
            begin(self, transaction, *args, **options)
            return
        fence.require(self)
        # A storage that passes this on to another one is asked once.
        fenced_already(lambda txn: begin(self, txn, *args, **options), transaction)
        fence.check(self, transaction)

    setattr(tpc_begin, GUARDED, True)
    kind.tpc_begin = tpc_begin
    kind.tpc_finish = _telling(kind.tpc_finish)


def _telling(finish: Callable[..., Any]) -> Callable[..., Any]:
    """Return a storage's ``tpc_finish`` that tells the job of what it has committed."""

    @functools.wraps(finish)
    def tpc_finish(self: Any, *args: Any, **options: Any) -> Any:
        tid = finish(self, *args, **options)
        labels.tell(self, tid)
        return tid

    return tpc_finish
