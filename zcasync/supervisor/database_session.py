"""The engine's work on its database, all of it in its database thread."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import transaction
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from zcasync.database.no_imports import by_name
from zcasync.instance.settings import Settings
from zcasync.liveness.watch import Watch
from zcasync.salvage.records import Loss
from zcasync.salvage.salvage import DAMAGE, NOT_DAMAGE, mend
from zcasync.supervisor import registration
from zcasync.supervisor.database_thread import IDatabaseThread
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.housekeeping import Housekeeping, retention_of
from zcasync.supervisor.poll.messages import PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import Committed, Passes
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.workers.fence import fence
from zcasync.zeo.connections import discard
from zcasync.zeo.fenced import open_fenced
from zcasync.zeo.history import require_same_history

log = Logger()

T = TypeVar("T")

#: How long the last transaction may take before the supervisor leaves without it, as a ghost.
FAREWELL_SECONDS = 4.0


@dataclass(frozen=True)
class Registered:
    """An engine that has registered, as the records have it."""

    incarnation_oid: bytes
    thread_size: int  # so many children there are to be
    log: list[str]  # lines for the operator


class DatabaseSession:
    """One engine's hold on a worker's record, over one connection; not safe for two threads.

    ``held(snapshot)`` is told after each pass what the engine holds.
    """

    def __init__(
        self,
        db: Any,
        worker: uuid.UUID,
        engine: uuid.UUID,
        settings: Settings,
        watch: Watch,
        environment: Environment,
        held: Callable[[ClaimsSnapshot], None] = lambda snapshot: None,
    ) -> None:
        self.engine = engine
        self._db = db
        self._worker = worker
        self._settings = settings
        self._watch = watch
        self._environment = environment
        self._held = held
        self._connection: Any = None
        self._records: EngineRecords | None = None
        self._is_to_renew = False

    def register(self) -> Registered:
        """Let the worker's record name this engine.

        Raises AlreadyServed, ServedElsewhere, and what the storage raises.
        """
        self._connection = self._open()
        try:
            (manager, worker, incarnation, notes), lost = self._despite_damage(self._register)
        except BaseException:
            self.close()
            raise
        records = self._use(manager, worker, incarnation)
        size, more = self._despite_damage(lambda: records.thread_size)
        return Registered(incarnation._p_oid, size, [*map(str, [*lost, *more]), *notes])

    def _register(self) -> tuple[Any, Any, Any, list[str]]:
        return registration.register(
            self._connection,
            self._worker,
            self.engine,
            self._wishes(),
            self._watch,
            self._environment.identity,
            self._environment.home,
        )

    def _despite_damage(self, work: Callable[[], T]) -> tuple[T, list[Loss]]:
        """Do the work; where damaged records have stopped it, begin these anew, and do it again.

        Return what it returns, and what was lost.
        """
        try:
            return work(), []
        except NOT_DAMAGE:
            raise
        except DAMAGE:
            lost = mend(self._connection)
            if not lost:
                raise
        return work(), lost

    def _open(self) -> Any:
        """Return a connection that loads no code of the application."""
        manager = transaction.TransactionManager()
        return open_fenced(self._db, manager, class_factory=by_name)

    def _use(self, manager: Any, worker: Any, incarnation: Any) -> EngineRecords:
        """Make passes over these records from now on."""
        most, limit = self._settings.max_children, self._settings.set_aside_limit
        records = EngineRecords(self._connection, manager, worker, incarnation, most, limit)
        self._records = records
        here, keep = self._environment, retention_of(self._settings)
        housekeeping = Housekeeping(here.seconds, keep, here.housekeeping, here.idle_lane)
        self._passes = Passes(records, self._watch, here, housekeeping)
        return records

    def renew(self) -> None:
        """Make the next pass over another connection; no object that is loaded now is used."""
        self._is_to_renew = True

    def _renew(self) -> None:
        """Open another connection.  Raises HistoryChanged where the engine's own record is gone."""
        log.warn("the next pass of engine {e} is made over a new connection", e=self.engine)
        records = self._records
        assert records is not None
        self.close()
        for db in self._db.databases.values():
            db.cacheMinimize()
        self._connection = self._open()
        get = self._connection.get
        incarnation = registration.own_incarnation(
            self._connection, records.incarnation._p_oid, self.engine
        )
        manager, worker = get(records.manager._p_oid), get(records.worker._p_oid)
        fence(self._connection, incarnation)
        self._use(manager, worker, incarnation)
        self._is_to_renew = False

    def _wishes(self) -> dict[str, Any]:
        """Return the configured values for the worker's record."""
        settings = self._settings
        return {
            "children": settings.children,
            "queues": settings.queues,
            "poll_seconds": settings.poll_seconds,
            "ping_interval": settings.ping_interval,
            "ping_death_interval": settings.ping_death_interval,
            "ephemeral": settings.ephemeral,
        }

    def make_pass(
        self, given: PassInput, committed: Committed = lambda jobs, tid: None
    ) -> PassResult:
        """Make one poll pass; ``committed``: see there.

        Raises HistoryChanged, also where another database than the data manager's is concerned.
        """
        require_same_history(self._db)
        if self._is_to_renew:
            self._renew()
        result, lost = self._despite_damage(lambda: self._passes.run(given, committed))
        result.log[:0] = map(str, lost)
        if result.held is not None:
            self._held(result.held)
        return result

    def deregister(self, given: PassInput) -> int:
        """Make the last pass, and let the worker's record name no engine.

        Returns how many claims were released.  Does nothing where the engine could not register.
        """
        if self._records is None:
            return 0
        try:
            self._passes.run(given)
            worker, incarnation = self._records.worker, self._records.incarnation
            return registration.deregister(self._connection, worker, incarnation)
        finally:
            self.close()

    def disown(self) -> None:
        """Close the connection of an engine that goes on no more, whatever its record says."""
        self._watch.stillborn.add(self.engine)
        self.close()

    def close(self) -> None:
        """Close the connection; what was not committed is lost.  Safe to repeat."""
        if self._connection is None:
            return
        self._connection.transaction_manager.abort()
        fence(self._connection, None)
        before, self._connection = self._connection, None
        family = list(before.connections.values())
        before.close()
        for one in family:  # others are not to have its stand-ins
            discard(one)


class SessionInThread:
    """The same for the reactor: every method begins work in the database thread.

    ``settle()`` is called there before each pass.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        thread: IDatabaseThread,
        session: DatabaseSession,
        settle: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._thread = thread
        self._session = session
        self._settle = settle

    def register(self) -> Deferred[Registered]:
        """Register the engine."""
        return self._thread.run(self._session.register)

    def renew(self) -> None:
        """Make the next pass over another connection."""
        self._session.renew()

    def make_pass(self, given: PassInput, committed: Committed) -> Deferred[PassResult]:
        """Make one poll pass."""
        return self._thread.run(self._make_pass, given, committed)

    def _make_pass(self, given: PassInput, committed: Committed) -> PassResult:
        self._settle()
        return self._session.make_pass(given, committed)

    @inlineCallbacks
    def deregister(self, given: PassInput) -> Any:
        """Make the last pass and deregister the engine, without waiting long for the storage.

        Fires with whether that is done; otherwise the engine stays behind as a ghost.
        """
        done: Deferred[Any] = self._thread.run(self._session.deregister, given)
        done.addTimeout(FAREWELL_SECONDS, self._reactor)
        try:
            count = yield done
        except Exception as error:  # whatever it is, the process has to end: as a ghost, then
            log.error(
                "the worker could not be deregistered, so engine {engine} stays behind as a ghost; "
                "the next start takes its work over: {why}",
                engine=self._session.engine,
                why=f"{type(error).__name__}: {error}",
            )
            return False
        log.info("deregistered; {count} claims released", count=count)
        return True

    def stay_behind(self, jobs: list[str]) -> Deferred[None]:
        """Leave the worker's record as it is while jobs of its engine go on in this process."""
        log.error(
            "jobs of engine {engine} go on in threads of this process, which cannot be killed, so "
            "it stays behind as a ghost; the next start after the end of this process takes its "
            "work over: {jobs}",
            engine=self._session.engine,
            jobs=", ".join(jobs),
        )
        return self._close(self._session.close)

    def forget(self) -> Deferred[None]:
        """Close the connection of an engine that may not commit; fires when that is done.

        The next engine of this process takes its work over.
        """
        return self._close(self._session.disown)

    def _close(self, close: Callable[[], None]) -> Deferred[None]:
        done: Deferred[Any] = self._thread.run(close)
        return done.addTimeout(FAREWELL_SECONDS, self._reactor).addErrback(
            lambda failure: log.warn("a connection did not close in time")
        )

    def close(self) -> None:
        """Begin nothing more."""
        self._thread.close()
