"""The engine: one run of a supervisor; decides when to poll, and has done what polls find."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

from zcasync.database.sync import manager_database
from zcasync.errors import FencedError
from zcasync.instance.settings import Settings
from zcasync.liveness.watch import Watch
from zcasync.perform.progress import report_to
from zcasync.supervisor.children.pool import PoolFactory
from zcasync.supervisor.database_session import DatabaseSession
from zcasync.supervisor.database_thread import DatabaseThread
from zcasync.supervisor.environment import Environment
from zcasync.supervisor.executors import RETIRE_SECONDS, Executors
from zcasync.supervisor.farewell import Farewell
from zcasync.supervisor.metrics import PassMetrics
from zcasync.supervisor.outage import Outage
from zcasync.supervisor.poll.loop import PassLoop
from zcasync.supervisor.poll.messages import PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import CONFLICT_TRIES
from zcasync.supervisor.poll.wakeup import Wakeup
from zcasync.supervisor.reactor_jobs import ReactorJobs
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.zeo.bulk_load import ask_ahead

log = Logger()

#: The engines of this process by the UUID of their worker.
engines: dict[uuid.UUID, Engine] = {}

#: Pause after a pass that failed, doubled each time up to the longest.
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class Engine:
    """Polls for one worker of the data manager in ``db``.

    ``make_pool`` makes the performers of thread jobs, ``make_reactor_jobs(reactor, db, incarnation
    oid, ended)`` that of reactor jobs, ``thread`` does the database work.  ``ready()`` is called
    when a thread job can be taken, ``lost(error)`` when the engine must not go on.  ``note(held)``
    is told in the database thread, after each pass, what the engine holds.
    """

    def __init__(
        self,
        db: Any,
        worker: uuid.UUID,
        *,
        reactor: Any,
        settings: Settings,
        make_pool: PoolFactory,
        make_reactor_jobs: Callable[..., ReactorJobs] = ReactorJobs,
        thread: Any = None,
        watch: Watch | None = None,
        surroundings: Environment | None = None,
        note: Callable[[ClaimsSnapshot], None] = lambda held: None,
        ready: Callable[[], None] = lambda: None,
        lost: Callable[[BaseException], None] = lambda error: None,
    ) -> None:
        self.UUID = uuid.uuid4()
        self.worker_uuid = uuid.UUID(bytes=worker.bytes)
        self.left_cleanly = False
        self.performers = Executors(reactor, wake=self.wake, ready=ready, fenced=self._fenced)
        self.tally = PassMetrics()
        self._is_lost = False
        self._passing = Outage(reactor, "polling")
        self._db = manager_database(db)
        self._reactor = reactor
        self._settings = settings
        self._make_pool = make_pool
        self._make_reactor_jobs = make_reactor_jobs
        self._registration = DatabaseSession(
            self._db,
            self.worker_uuid,
            self.UUID,
            settings,
            watch or Watch(),
            surroundings or Environment(),
            note,
        )
        self._lost = lost
        self._thread = thread or DatabaseThread(reactor)
        self._farewell = Farewell(reactor, self._thread, self._registration, self.UUID)
        self._bell = Wakeup(self._rung, functools.partial(ask_ahead, self._db))
        self._loop = PassLoop(reactor, self._make_pass)
        self._for_reactor: frozenset[bytes] = frozenset()  # what a put of a reactor job writes
        self._pause = FIRST_PAUSE_SECONDS
        self._state = "new"
        self._stopped: Deferred[None] | None = None

    # life

    @inlineCallbacks
    def start(self) -> Any:
        """Register the worker, start the children, begin to poll.

        The Deferred fails with AlreadyServed, or with what the storage raises.
        """
        assert self._state == "new"
        self._state = "starting"
        try:
            incarnation_oid, notes, thread_size = yield self._thread.run(self._registration.begin)
        except BaseException:
            self._state = "stopped"
            self._thread.close()
            raise
        for note in notes:
            log.warn("{note}", note=note)
        self._state = "running"
        engines[self.worker_uuid] = self
        report_to(self.performers.reported)
        self.performers.start(
            functools.partial(self._make_pool, self.UUID, incarnation_oid),
            functools.partial(self._make_reactor_jobs, self._reactor, self._db, incarnation_oid),
            thread_size,
        )
        self._bell.listen(self._db)
        self._loop.start()

    def stop(self, grace: float | None = None) -> Deferred[None]:
        """Claim no more, let running jobs end within ``grace`` seconds, lay the worker down.

        Fires when no process is left; a job in a thread of this process can outlast that, and then
        its engine stays behind as a ghost.  Safe to repeat.
        """
        if self._stopped is None:
            self._stopped = Deferred()
            self._stop(self._settings.grace_period if grace is None else grace).addBoth(
                self._stopped.callback
            )
        waiter: Deferred[None] = Deferred()
        self._stopped.addBoth(_pass_on, waiter)
        return waiter

    def abandon(self) -> Deferred[None]:
        """Stop at once, without the last transaction: the engine was buried and may not commit.

        Fires when no child is left.
        """
        self._is_lost = True
        return self.stop(0.0)

    @inlineCallbacks
    def _stop(self, grace: float) -> Any:
        was_running = self._state == "running"
        self._state = "stopping"
        self._bell.close()
        self._passing.stop()
        self._loop.stop()
        if was_running:
            because = "its engine was buried" if self._is_lost else ""
            left = yield self.performers.stop(grace, because)
            if self._is_lost:
                yield self._farewell.forget()
            elif left:
                yield self._farewell.stay_behind(left)
            else:
                self.left_cleanly = yield self._farewell.lay_down(self._gather())
        self._thread.close()
        engines.pop(self.worker_uuid, None)
        self._state = "stopped"

    # polling

    @property
    def mode(self) -> str | None:
        """How the engine hears of new jobs: push or poll; None when it does not run."""
        if self._state != "running":
            return None
        return "push" if self._bell.is_live else "poll"

    @property
    def waiting_for(self) -> str | None:
        """Why the database keeps it from working; None when it does not."""
        return self._passing.waiting_for or self.performers.trouble.waiting_for

    def wake(self, delay: float = 0.0) -> None:
        """Make a pass within ``delay`` seconds."""
        self._loop.wake(delay)

    def _rung(self, oids: set[bytes]) -> None:
        self._reactor.callFromThread(self._hear, oids)

    def _hear(self, oids: set[bytes]) -> None:
        """News in the database: at once where it can be begun, else with what else is due."""
        is_for_reactor = not self._for_reactor.isdisjoint(oids)
        if is_for_reactor or self.performers.want_more():
            self.wake()
        else:
            self.wake(RETIRE_SECONDS)

    def _make_pass(self) -> Deferred[float]:
        """One pass; fires with the delay until the next."""
        heard, ahead = self._bell.begin()
        self._passing.begins()
        work = self._gather()
        work.heard, work.ahead = heard, ahead
        work.committed = functools.partial(self._reactor.callFromThread, self._committed)
        passing: Deferred[Any] = self._thread.run(self._run_pass, work)
        return passing.addCallbacks(self._passed, self._pass_failed, (), {}, (work,))

    def _gather(self) -> PassInput:
        return self.performers.gather(self._state == "running")

    def _run_pass(self, work: PassInput) -> PassResult:
        self._bell.settle()
        return self._registration.make_pass(work)

    def _committed(self, done: PassResult) -> None:
        """What a pass has claimed is committed, though the pass has not returned yet."""
        if self._state == "running":
            self.performers.hand_out(done)

    def _passed(self, done: PassResult) -> float:
        self._pause = FIRST_PAUSE_SECONDS
        self._passing.works()
        self.tally.add(done)
        for note in done.notes:
            log.warn("{note}", note=note)
        self.performers.forget(done)
        if self._state == "running":
            self.performers.hand_out(done)
            self._for_reactor = done.for_reactor
            self._bell.watch(done.watched, done.own)
        return done.delay

    def _pass_failed(self, failure: Failure, work: PassInput) -> float:
        self.performers.put_back(work)
        self._bell.missed()
        self._passing.stop()
        if failure.check(FencedError):
            self._lost(FencedError(failure.getErrorMessage()))
        elif failure.check(ConflictError):
            self.tally.conflicts += CONFLICT_TRIES
        else:
            self._passing.fails(failure)
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return pause

    def _fenced(self, why: str) -> None:
        self._lost(FencedError(why))

    def cancel(self, oid: bytes, who: str) -> str:
        """End a job as cancelled; returns '' or the reason why that cannot be done."""
        if self._state != "running":
            return f"the engine is {self._state}"
        self.performers.cancel(oid, who)
        return ""


def _pass_on(result: Any, waiter: Deferred[Any]) -> Any:
    waiter.callback(result)
    return None if isinstance(result, Failure) else result


__all__ = ["Engine", "engines"]
