"""The engine's registration in the database: all that is done in the database thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import transaction

from zcasync.instance.settings import Settings
from zcasync.liveness.watch import Watch
from zcasync.supervisor import registration as startup
from zcasync.supervisor.environment import Environment
from zcasync.supervisor.poll.housekeeping import Housekeeping
from zcasync.supervisor.poll.messages import PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.workers.fence import fence
from zcasync.zeo.fenced import open_fenced


class DatabaseSession:
    """One engine's hold on a worker's record, over one connection; not safe for two threads.

    ``note(held)`` is told after each pass what the engine holds.
    """

    def __init__(
        self,
        db: Any,
        worker: uuid.UUID,
        engine: uuid.UUID,
        settings: Settings,
        watch: Watch,
        surroundings: Environment,
        note: Callable[[ClaimsSnapshot], None] = lambda held: None,
    ) -> None:
        self._db = db
        self._worker_uuid = worker
        self._engine = engine
        self._settings = settings
        self._watch = watch
        self._surroundings = surroundings
        self._note = note
        self._connection: Any = None

    def begin(self) -> tuple[bytes, list[str], int]:
        """Take the worker up; returns the incarnation's oid, notes for the log, the thread size.

        Raises AlreadyServed, ServedElsewhere, and what the storage raises.
        """
        self._connection = open_fenced(self._db, transaction.TransactionManager())
        settings = self._settings
        wishes = {
            "children": settings.children,
            "poll_seconds": settings.poll_seconds,
            "ping_interval": settings.ping_interval,
            "ping_death_interval": settings.ping_death_interval,
        }
        try:
            manager, worker, incarnation, notes = startup.begin(
                self._connection,
                self._worker_uuid,
                self._engine,
                wishes,
                self._watch,
                self._surroundings.identity,
            )
        except BaseException:
            self.close()
            raise
        self._worker, self._incarnation = worker, incarnation
        keep = timedelta(days=settings.keep_completed)
        housekeeping = Housekeeping(self._surroundings.seconds, keep=keep)
        self._passes = Passes(
            self._connection,
            manager,
            worker,
            incarnation,
            self._watch,
            self._surroundings,
            housekeeping,
        )
        return incarnation._p_oid, notes, worker.thread.size

    def make_pass(self, work: PassInput) -> PassResult:
        """One poll pass."""
        done = self._passes.run(work)
        if done.held is not None:
            self._note(done.held)
        return done

    def end(self, work: PassInput) -> int:
        """Lay the worker down; returns how many claims were given back."""
        try:
            self._passes.run(work)
            return startup.end(self._connection, self._worker, self._incarnation)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; what was not committed is lost."""
        self._connection.transaction_manager.abort()
        fence(self._connection, None)
        self._connection.close()
