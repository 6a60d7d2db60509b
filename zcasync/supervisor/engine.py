"""The engine: one run of a supervisor; decides when to poll, and has done what passes find."""

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
from zcasync.errors import FencedError, NewerRecords
from zcasync.instance.settings import Settings
from zcasync.perform.progress import report_to
from zcasync.supervisor.database_session import DatabaseSession, Registered, SessionInThread
from zcasync.supervisor.database_thread import DatabaseThread
from zcasync.supervisor.engine_life import TRANSITIONS, Life
from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts
from zcasync.supervisor.executors import COALESCE_SECONDS, Executors
from zcasync.supervisor.failed_passes import BrokenEngine, FailedPasses, Step
from zcasync.supervisor.metrics import PassMetrics
from zcasync.supervisor.outage import Outage
from zcasync.supervisor.poll.loop import PassLoop
from zcasync.supervisor.poll.messages import HandOut, PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import CONFLICT_TRIES
from zcasync.supervisor.poll.wakeup import Wakeup
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.zeo.bulk_load import ask_ahead

log = Logger()

#: The engines of this process by the UUID of their worker.
engines: dict[uuid.UUID, Engine] = {}


class Engine:
    """Polls for one worker of the data manager in ``db``."""

    def __init__(
        self,
        db: Any,
        worker: uuid.UUID,
        *,
        reactor: Any,
        settings: Settings,
        parts: EngineParts,
        callbacks: EngineCallbacks | None = None,
    ) -> None:
        callbacks = callbacks or EngineCallbacks()
        self.UUID = uuid.uuid4()
        self.worker_uuid = uuid.UUID(bytes=worker.bytes)
        self.left_cleanly = False
        self.metrics = PassMetrics()
        ready = callbacks.ready
        self.executors = Executors(reactor, wake=self.wake, ready=ready, fenced=self._fenced)
        self._db = manager_database(db)
        self._reactor = reactor
        self._settings = settings
        self._parts = parts
        self._lost = callbacks.lost
        self._is_lost, self._lost_because = False, ""
        self._life = Life.NEW
        self._stopped: Deferred[None] | None = None
        self._outage = Outage(reactor, "polling")
        self._wakeup = Wakeup(self._woken, functools.partial(ask_ahead, self._db))
        self._database = self._make_session(callbacks.held)
        self._loop = PassLoop(reactor, self._make_pass)
        self._for_reactor: frozenset[bytes] = frozenset()  # what a put of a reactor job writes
        self._failed_passes = FailedPasses()
        self.clocks: dict[str, Any] | None = None  # that differ from this machine's, for status

    def _make_session(self, held: Callable[[ClaimsSnapshot], None]) -> SessionInThread:
        parts, worker, settings = self._parts, self.worker_uuid, self._settings
        session = DatabaseSession(
            self._db, worker, self.UUID, settings, parts.watch, parts.environment, held
        )
        thread = parts.thread or DatabaseThread(self._reactor)
        return SessionInThread(self._reactor, thread, session, self._wakeup.settle)

    # life

    def _move_to(self, life: Life) -> None:
        assert life in TRANSITIONS[self._life], f"{self._life} -> {life}"
        self._life = life

    @inlineCallbacks
    def start(self) -> Any:
        """Register the engine, start the children, begin to poll.

        The Deferred fails with AlreadyServed, or with what the storage raises.
        """
        self._move_to(Life.STARTING)
        try:
            registered = yield self._database.register()
        except BaseException:
            if self._life == Life.STARTING:
                self._move_to(Life.STOPPED)
                self._database.close()
            raise
        for line in registered.log:
            log.warn("{line}", line=line)
        if self._life == Life.STARTING:  # else it was stopped meanwhile, which deregisters it
            self._run(registered)

    def _run(self, registered: Registered) -> None:
        self._move_to(Life.RUNNING)
        engines[self.worker_uuid] = self
        report_to(self.executors.reported)
        oid, checkers = registered.incarnation_oid, self._parts.make_checkers
        self.executors.start(
            functools.partial(self._parts.make_pool, self.UUID, oid),
            functools.partial(self._parts.make_reactor_jobs, self._reactor, self._db, oid),
            registered.thread_size,
            None if checkers is None else functools.partial(checkers, self.UUID, oid),
        )
        self._wakeup.listen(self._db)
        self._loop.start()

    def stop(self, grace: float | None = None) -> Deferred[None]:
        """Claim no more, let running jobs end within ``grace`` seconds, deregister the engine.

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

    def hurry(self, seconds: float) -> None:
        """Let running jobs end within so many seconds, where a stop gives them longer."""
        if self.executors.is_started:
            self.executors.hurry(seconds)

    def abandon(self, because: str = "") -> Deferred[None]:
        """Stop at once, without the last transaction: the engine may not commit, or cannot.

        Children are killed ``because`` of this.  Fires when none is left.
        """
        self._is_lost = True
        self._lost_because = because or self._lost_because or "its engine was buried"
        return self.stop(0.0)

    @inlineCallbacks
    def _stop(self, grace: float) -> Any:
        before = self._life
        if before == Life.STOPPED:  # it could not start
            return
        self._move_to(Life.STOPPING)
        self._wakeup.close()
        self._outage.stop()
        self._loop.stop()
        left: list[str] = []
        if before == Life.RUNNING:
            left = yield self.executors.stop(grace, self._lost_because if self._is_lost else "")
        if self._is_lost:
            yield self._database.forget()
        elif left:
            yield self._database.stay_behind(left)
        elif before in (Life.STARTING, Life.RUNNING):
            self.left_cleanly = yield self._database.deregister(self._gather())
        self._database.close()
        engines.pop(self.worker_uuid, None)
        self._move_to(Life.STOPPED)

    @property
    def may_be_named(self) -> bool:
        """True while the worker's record may name this engine."""
        return self._life != Life.NEW and not self.left_cleanly

    # polling

    @property
    def mode(self) -> str | None:
        """How the engine hears of new jobs: push or poll; None when it does not run."""
        if self._life != Life.RUNNING:
            return None
        return "push" if self._wakeup.is_live else "poll"

    @property
    def waiting_for(self) -> str | None:
        """Why the database keeps it from working; None when it does not."""
        return self._outage.waiting_for or self.executors.outage.waiting_for

    def wake(self, delay: float = 0.0) -> None:
        """Make a pass within ``delay`` seconds."""
        self._loop.wake(delay)

    def _woken(self, oids: set[bytes]) -> None:
        self._reactor.callFromThread(self._note_changes, oids)

    def _note_changes(self, oids: set[bytes]) -> None:
        """Look at what was put: at once where it can begin, else with what else is due."""
        is_for_reactor = not self._for_reactor.isdisjoint(oids)
        if is_for_reactor or self.executors.want_more():
            self.wake()
        else:
            self.wake(COALESCE_SECONDS)

    def _make_pass(self) -> Deferred[float]:
        """Make one pass; fires with the delay until the next."""
        heard, ahead = self._wakeup.begin()
        self._outage.begins()
        given = self._gather()
        given.heard, given.ahead = heard, ahead
        passing: Deferred[Any] = self._database.make_pass(
            given, functools.partial(self._reactor.callFromThread, self._hand_out)
        )
        return passing.addCallbacks(self._passed, self._pass_failed, (), {}, (given,))

    def _gather(self) -> PassInput:
        if not self.executors.is_started:
            return PassInput(is_last=True)
        return self.executors.gather(self._life == Life.RUNNING)

    def _hand_out(self, jobs: HandOut, tid: bytes | None) -> None:
        """Begin what a pass has claimed: when that is committed, and again when it is over."""
        if self._life == Life.RUNNING:
            self.executors.hand_out(jobs, tid)

    def _passed(self, result: PassResult) -> float:
        self._failed_passes.passed()
        self._outage.passed(result.away)
        self.metrics.add(result)
        self.clocks = result.clocks or self.clocks
        for line in result.log:
            log.warn("{line}", line=line)
        self.executors.note_pass(result)
        self._hand_out(result.hand_out, result.last)
        if self._life == Life.RUNNING:
            self._for_reactor = result.schedule.for_reactor
            self._wakeup.watch(result.schedule.watched, result.own)
        return result.schedule.delay

    def _pass_failed(self, failure: Failure, given: PassInput) -> float:
        self.executors.put_back(given)
        self._wakeup.missed()
        self._outage.stop()
        error: Any = failure.value
        if isinstance(error, FencedError | NewerRecords):
            self._lost(error.with_traceback(None))
        elif isinstance(error, ConflictError):
            self.metrics.conflicts += CONFLICT_TRIES
        elif self._life == Life.RUNNING:  # else its end has been said, and no pass follows
            self._outage.fails(failure)
            self._begin_anew(self._failed_passes.step_after(error), failure)
        return self._failed_passes.pause()

    def _begin_anew(self, step: Step, failure: Failure) -> None:
        if step == Step.CONNECTION:
            self.executors.doubt_cancelled()
            self._database.renew()
        elif step == Step.ENGINE:
            self._lost_because = "its engine is broken"
            why = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
            self._lost(BrokenEngine(f"engine {self.UUID} cannot make a pass ({why})"))

    def _fenced(self, why: str) -> None:
        self._lost(FencedError(why))

    def cancel(self, oid: bytes, who: str) -> str:
        """End a job as cancelled; returns '' or the reason why that cannot be done.

        While it stops, too: the last pass ends what waits then.
        """
        is_stopping = self._life == Life.STOPPING and self.executors.is_started
        if self._is_lost or not (is_stopping or self._life == Life.RUNNING):
            return f"the engine is {self._life}"
        self.executors.cancel(oid, who)
        return ""

    def hand_over_cancelled(self) -> dict[bytes, str]:
        """Return what this engine has not cancelled, oid -> who, for the next one."""
        return self.executors.hand_over_cancelled()


def _pass_on(result: Any, waiter: Deferred[Any]) -> Any:
    waiter.callback(result)
    return None if isinstance(result, Failure) else result


__all__ = ["Engine", "engines"]
