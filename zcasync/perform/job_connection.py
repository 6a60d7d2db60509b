"""The fenced connection in which jobs are performed; it can be closed and opened again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transaction
from twisted.logger import Logger
from ZODB import DB

from zcasync.database.errors import is_lost_by_storage
from zcasync.database.sync import manager_database
from zcasync.errors import FOREIGN_CODE, BadStateError
from zcasync.job.record import PartialRecord
from zcasync.perform.transactions import abort
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.undo_guard import CommitChain
from zcasync.zeo.connections import discard, give_up, is_usable, looking_once, storages_that_tell
from zcasync.zeo.fenced import open_fenced
from zcasync.zeo.manager_state import tell, tell_only
from zcasync.zeo.storage_errors import mark
from zcasync.zeo.storage_fence import guard

log = Logger()


class _ClosedManager:
    """The transaction manager of a connection that no job may use any more."""

    def get(self) -> Any:
        """Raise BadStateError: an object that is changed asks for the transaction first."""
        raise BadStateError(
            "the job has returned its Deferred, and with that its connection is closed: change "
            "stored objects before, or with zcasync.twist.Partial"
        )


class JobConnection:
    """The connection of the data manager's database, fenced by an incarnation.

    ``manager`` None: the thread's own transaction manager, so that a job's ``transaction.commit()``
    commits what it changed.  ``db`` is the main database; ``reopen()`` opens it anew where a job
    has closed it.  ``queue``: the name of the queue whose jobs it is for.
    """

    connection: Any
    incarnation: Incarnation
    is_open = False

    def __init__(
        self,
        db: DB,
        incarnation: bytes,
        manager: Any = None,
        reopen: Callable[[], DB] | None = None,
        queue: str = "thread",
    ) -> None:
        self._db = db
        self._incarnation_oid = incarnation
        self.manager = manager or transaction.manager.manager
        self._is_of_thread = manager is None
        self._reopen = reopen
        self._queue = queue
        self._chain = CommitChain()
        self.open()

    def open(self) -> None:
        """Open the connection (again), fenced or not at all.  Safe to repeat."""
        if self.is_open:
            return
        if self._reopen is not None and not is_usable(self._db):
            self._db = self._reopen()
        main = open_fenced(self._db, self.manager)
        try:
            connection = main.get_connection(manager_database(self._db).database_name)
            incarnation = connection.get(self._incarnation_oid)
            fence(connection, incarnation)
            guard(self._db)  # which has the first commit say whose it is, too
            connection.office = f"{self._queue} {incarnation.worker}"
        except BaseException:
            abort(self.manager)
            main.close()
            raise
        self._main, self.connection, self.incarnation = main, connection, incarnation
        self._storages = storages_that_tell(self._db)
        self.is_open = True
        self._protect()

    def protect(self, job: bytes) -> None:
        """Let every commit protect the one before from being undone.

        Uses the guard of the claims that this job is among, the first time.
        """
        if self._chain.oid is None:
            self._chain.oid = _guard_of(self.incarnation, job)
            self._protect()

    def _protect(self) -> None:
        self._chain.attach(self.connection)
        self.connection.chain = self._chain

    def take_protected(self) -> bool:
        """Return whether all commits since the last call have protected the ones before."""
        return self._chain.take_intact()

    @property
    def is_sound(self) -> bool:
        """True while it is as it was opened.  To close its database closes it, too."""
        return (
            self.connection.opened is not None
            and self.connection.transaction_manager is self.manager
            and not any(storage.is_closed for storage in self._storages)
        )

    def require_usable(self, partial: PartialRecord) -> None:
        """Raise BadStateError where the call of a partial has done what loses its changes.

        It may close the connection, which is refused while there are any: then another one takes
        its place, in the same transaction, in which others may have something to commit.  Raises
        what opening that raises.
        """
        self._put_back_manager()
        for one in self._main.connections.values() if self.is_open else ():
            if one.opened is None:
                continue
            tell(self.manager, one)
            if one.transaction_manager is not self.manager:
                raise BadStateError("the job has given its connection another transaction manager")
        if not self.is_open or self.is_sound:
            return
        if not is_usable(self._db):
            raise BadStateError("the job has closed its database, and with that lost its changes")
        self._leave()
        self.open()

    def sound(self, partial: PartialRecord) -> PartialRecord:
        """Return the partial in a connection that works: it may have closed its own, or worse.

        Raises what opening another one raises.
        """
        jar = partial._p_jar
        if jar is self.connection and self.is_open and self.is_sound:
            return partial
        self.renew()
        if jar is None or any(jar is one for one in self._main.connections.values()):
            return partial
        found: PartialRecord = self.connection.get(partial._p_oid)
        return found

    def renew(self) -> None:
        """Open it, or another one in place of one that a job has left as no other can use it.

        Safe to repeat.
        """
        self._put_back_manager()
        if self.is_open and not self.is_sound:
            self._give_up()
        self.open()
        for one in self._main.connections.values():
            tell(self.manager, one)

    def _put_back_manager(self) -> None:
        """Let the thread have the manager that it had, where that is the connection's."""
        if self._is_of_thread and transaction.manager.manager is not self.manager:
            abort(transaction.manager)
            transaction.manager.manager = self.manager

    def begin(self) -> None:
        """Begin a transaction, whatever earlier jobs have left with the manager.

        Raises what the connection's storage raises.
        """
        try:
            with looking_once(self._main):
                self.manager.begin()
        except FOREIGN_CODE as error:
            mark(error, self.connection)
            if is_lost_by_storage(error):
                raise
            log.failure("something that a job has left is told of no transaction any more")
            tell_only(self.manager, self._main.connections.values())
            self.manager.begin()

    def _give_up(self) -> None:
        abort(self.manager)
        self._leave()

    def _leave(self) -> None:
        self.is_open = False
        self._unfence()
        for one in list(self._main.connections.values()):
            give_up(one, self.manager)

    def close(self) -> None:
        """Return it to the database's pool; changes not committed are lost.  Safe to repeat."""
        if self.is_open:
            self.is_open = False
            abort(self.manager)
            self._unfence()
            self._main.close()

    def _unfence(self) -> None:
        fence(self.connection, None)
        self.connection.chain = None
        self.connection.office = ""

    def retire(self) -> None:
        """Close it for good: no job gets this connection again.

        Code that still refers to its objects, a coroutine for instance, would otherwise change what
        the next job commits.
        """
        main = self._main
        self.close()
        for one in main.connections.values():
            discard(one)
            one.transaction_manager = _ClosedManager()

    def detach(self, partial: PartialRecord) -> Callable[[], PartialRecord]:
        """Close it; return a function that opens it again and finds the partial in it."""
        oid = partial._p_oid
        self.close()

        def attach() -> PartialRecord:
            self.open()
            found: PartialRecord = self.connection.get(oid)
            return found

        return attach


def _guard_of(incarnation: Incarnation, job: bytes) -> bytes | None:
    """Return the oid of the guard of the claims that a job is among; None: of none."""
    for one in () if incarnation.claims is None else incarnation.claims.lists():
        if any(partial._p_oid == job for partial in one.items):
            return one.guard._p_oid  # type: ignore[no-any-return]
    return None
