"""What the tests of the model share: sessions with a database, and a clock that stands still."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import transaction
from ZODB import DB

from zcasync import clock
from zcasync.datamanager import DataManager, PartialQueue, find
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.partial import Partial
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.fenced import open_fenced

ONE, TWO, THREE = (uuid.UUID(int=number) for number in (1, 2, 3))


class Session:
    """A connection with a transaction manager of its own, as another process would have it."""

    def __init__(self, db: DB, transactions: Any = None) -> None:
        self.transactions = transactions or transaction.TransactionManager()
        self.connection = open_fenced(db, self.transactions)

    @property
    def root(self) -> Any:
        return self.connection.root()

    @property
    def manager(self) -> DataManager:
        found = find(self.connection)
        assert found is not None
        return found

    @property
    def queue(self) -> PartialQueue:
        return self.manager.thread

    def keep(self, obj: Any, name: str = "kept") -> Any:
        """Keep an object in the root, and commit."""
        self.root[name] = obj
        self.commit()
        return obj

    def same(self, obj: Any) -> Any:
        """The same object as this session sees it."""
        return self.connection.get(obj._p_oid)

    def claim(self, limit: int = 1000, worker: uuid.UUID = ONE) -> list[Partial]:
        """What a worker's claim takes out of the queue.  Does not commit."""
        return self.queue.claim(worker.bytes, limit).partials

    def activate(self, partial: Partial) -> Partial:
        """Take a partial out of the queue as an engine does, and commit."""
        taken = self.claim()
        assert partial in taken
        for one in taken:
            self.activate_claimed(one)
        self.commit()
        return partial

    def activate_claimed(self, partial: Partial) -> Partial:
        """Let a partial that a claim has taken be active.  Does not commit."""
        partial.assign(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()))
        return partial

    def commit(self) -> None:
        self.transactions.commit()

    def sync(self) -> None:
        """See what others have committed."""
        self.transactions.begin()

    def abort(self) -> None:
        self.transactions.abort()

    def savepoint(self) -> Any:
        return self.transactions.savepoint()

    def close(self) -> None:
        self.abort()
        self.connection.close()


#: Opens one more session with a database.
Connect = Callable[[], Session]


class FakeClock:
    """A clock for ``zcasync.clock.set_source`` that a test moves."""

    def __init__(self) -> None:
        self.microseconds = clock.from_datetime(datetime(2006, 8, 10, 15, tzinfo=clock.UTC), "")

    def __call__(self) -> int:
        return self.microseconds

    @property
    def moment(self) -> datetime:
        """Now."""
        return clock.to_datetime(self.microseconds)

    def later(self, **duration: float) -> datetime:
        """The moment so much later; the clock stands still."""
        return self.moment + timedelta(**duration)

    def advance(self, **duration: float) -> None:
        """Let so much time pass."""
        self.microseconds += timedelta(**duration) // clock.MICROSECOND
