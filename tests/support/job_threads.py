"""A child's job thread without the thread, over a storage that can lose the answer to a commit."""

from __future__ import annotations

import uuid
from typing import Any

import transaction
from persistent import Persistent
from twisted.internet.defer import Deferred, succeed
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.MappingStorage import MappingStorage
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.child.job_queue import JobQueue
from zcasync.child.job_thread import JobThread
from zcasync.datamanager import install
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.protocol.outcomes import Ending
from zcasync.workers.claims import SizedSequence
from zcasync.workers.incarnation import Incarnation


class Account(Persistent):
    """The object that the jobs of these tests change."""

    value = 0

    def add(self, number: int = 1) -> int:
        self.value += number
        return self.value

    def add_and_raise(self) -> None:
        self.value += 100
        raise ValueError("after the change")

    def add_and_return(self, value: Any) -> Any:
        self.value += 1
        return value

    def add_lock(self) -> None:
        """Leave something that cannot be stored, and return."""
        self.lock = samples.NotPicklable()

    def add_and_commit(self) -> int:
        self.value += 10
        transaction.commit()
        self.value += 10
        return self.value

    def add_commit_and_raise(self) -> None:
        self.value += 10
        transaction.commit()
        self.value += 10
        raise ValueError("after a commit")

    def add_and_abort(self) -> None:
        self.value += 10
        transaction.abort()

    def conflict_once(self) -> int:
        CALLS.append("conflict")
        if len(CALLS) == 1:
            raise ConflictError
        return self.add()


CALLS: list[Any] = []


def defer(fired: bool) -> Any:
    """A Deferred that has fired, or one that is left in CALLS."""
    CALLS.append(succeed("now") if fired else Deferred())
    return CALLS[-1]


class Storage(MappingStorage):
    """Counts commits; can lose its client's connection at the next one, before or after it.

    ``losses``: the same for each of the next commits, None: that one is answered.  ``silence``: how
    many of the loads after a loss are not answered either.
    """

    lose: str | None = None
    silence = 0
    commits = 0

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[str | None] = []
        self._unanswered = 0

    def tpc_finish(self, transaction: Any, func: Any = lambda tid: None) -> Any:
        lose, self.lose = self.lose, None
        if self.losses:
            lose = self.losses.pop(0)
        if lose is not None:
            self._unanswered = self.silence
        if lose == "before":
            raise ClientDisconnected("before it was stored")
        self.commits += 1
        tid = super().tpc_finish(transaction, func)
        if lose == "after":
            raise ClientDisconnected("after it was stored")
        return tid

    def loadBefore(self, oid: bytes, tid: bytes) -> Any:
        if self._unanswered:
            self._unanswered -= 1
            raise ClientDisconnected("not yet back")
        return super().loadBefore(oid, tid)


class Bench:
    """A child's job thread without the thread, and a client beside it."""

    def __init__(self, db: DB, storage: Storage) -> None:
        self.storage = storage
        self.client = Session(db)
        install(self.client.connection)
        self.account = self.client.root["account"] = Account()
        self.incarnation = Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here())
        self.incarnation.claims = SizedSequence(1)
        self.client.connection.add(self.incarnation)
        self.client.commit()
        self.jobs = JobQueue()
        self.begun: list[bytes] = []
        self.endings: list[tuple[int, Ending]] = []
        self.watched: list[tuple[bytes, Any]] = []
        self._thread = JobThread(
            lambda: db,
            self.incarnation._p_oid,
            self.jobs,
            ready=lambda: None,
            begin=lambda oid, is_one_of_several: self.begun.append(oid),
            ended=lambda ended: self.endings.append((len(ended.oids), ended.ending)),
            watch=lambda oid, deferred: self.watched.append((oid, deferred)),
            wait=samples.give_back,
        )

    def claim(self, *calls: Any, batch: bool = True, **options: Any) -> list[Partial]:
        """Claimed partials of these calls; the last change of the client's."""
        partials = [self.client.queue.put(call, batch=batch, **options) for call in calls]
        self.client.commit()
        self.client.claim()
        for partial in partials:
            partial.assign(self.incarnation)
        self.incarnation.claims.lists(1)[0].items += tuple(partials)
        self.client.commit()
        return partials

    def fire(self, value: Any) -> None:
        """Let each Deferred that is watched fire with this value as soon as it is."""

        def watch(oid: bytes, deferred: Any) -> None:
            self.watched.append((oid, deferred))
            self.jobs.add_fired(oid, value)

        self._thread._watch = watch  # type: ignore[method-assign, assignment]

    def run(self, partials: list[Partial]) -> int:
        """Perform them; how many commits that took."""
        self.storage.commits = 0
        self.jobs.add([partial._p_oid for partial in partials])
        self.jobs.finish()
        self._thread.run()
        self.client.sync()
        return self.storage.commits
