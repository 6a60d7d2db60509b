"""Reactor jobs: the callable runs in the reactor's thread, everything else of it elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import transaction
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from ZODB.utils import z64

from zcasync.database.errors import NOT_COMMITTED
from zcasync.database.sync import catch_up_all
from zcasync.database.waiting import StorageWait
from zcasync.errors import FencedError
from zcasync.job.aside import Missing
from zcasync.job.conflict_counts import Conflict
from zcasync.job.failure import from_exception
from zcasync.job.ids import hex_oid
from zcasync.job.loading import Trial, tried_elsewhere
from zcasync.job.time_limits import NO_LIMITS, TimeLimits
from zcasync.perform.job_connection import JobConnection
from zcasync.perform.missing import SetAside
from zcasync.perform.notices import Notice, Tell
from zcasync.perform.patience import Patience
from zcasync.perform.performer import Performer
from zcasync.perform.run import nobody_counts
from zcasync.perform.surroundings import OF_THREAD, in_own_context, read
from zcasync.perform.time_limit import bound_in
from zcasync.protocol.commands import REFERENCES_LIMIT
from zcasync.protocol.waits import Wait
from zcasync.retry.attempts import Timing
from zcasync.supervisor.application import IApplication, NoApplication
from zcasync.supervisor.children.grace import GracePeriod
from zcasync.supervisor.poll.messages import SlotReport
from zcasync.supervisor.reactor_calls import (
    call_in_reactor,
    call_with_manager,
    late_call_logged,
    load,
    log_wait,
    named,
    refuse_to_jobs,
    start_thread,
)
from zcasync.zeo.kept_open import keep_open

log = Logger()

#: How long to wait where the system has no thread to spare.
THREAD_SECONDS = 1.0


class ReactorJobs:
    """Runs each job in a thread of its own that lends its transaction to the reactor for the call.

    ``ended(oid)`` is called in the reactor's thread, when a job is over and when it begins to wait
    for a Deferred.  ``threads`` and ``from_thread`` start threads and call into the reactor,
    ``timing`` is their clock.  ``application``: that of this process.  ``limits``: the time limits
    of jobs that have none of their own.
    """

    def __init__(
        self,
        reactor: Any,
        db: Any,
        incarnation_oid: bytes,
        ended: Callable[[bytes], None],
        threads: Callable[..., None] = start_thread,
        from_thread: Callable[..., Any] = call_in_reactor,
        timing: Timing | None = None,
        application: IApplication | None = None,
        limits: TimeLimits = NO_LIMITS,
    ) -> None:
        self.application = application or NoApplication()
        self.running: set[bytes] = set()
        self.deferred: set[bytes] = set()  # jobs that wait for a Deferred of theirs
        #: Tries a result in a child: (oid of the job, pickle, oids of what that refers to).
        self.try_value: Callable[[bytes, bytes, list[bytes]], Deferred[str]] | None = None
        self.tell: Tell | None = None  # whom to tell of calls that fail, in the reactor's thread
        # The same of those that lack code.
        self.lacks: Callable[[bytes, Missing], None] = lambda oid, missing: None
        # Counts the conflicts that jobs are attempted again for, in the thread of the job.
        self.conflicted: Callable[[Conflict], None] = nobody_counts
        self._waits: dict[bytes, Any] = {}  # their Deferreds
        self._reactor = reactor
        self._db = db
        self._incarnation_oid = incarnation_oid
        self._ended = ended
        self._threads = threads
        self._from_thread = from_thread
        self._limits = limits
        self._bound = bound_in(reactor)
        self._all_over: Deferred[None] | None = None
        self._grace = GracePeriod(reactor, self._leave)
        self._timing = timing or Timing()
        self._waiting: list[bytes] = []  # the jobs that wait for the storage now
        self._last_wait: Wait | None = None  # as the last one of them has met it
        self._wait = StorageWait(log_wait, self._timing.sleep, self._note_wait)
        self._wait.db = db
        self._patience = Patience()

    def start(self, oid: bytes) -> None:
        """Run the partial with this oid, whose claim is committed."""
        self.running.add(oid)
        self._begin(oid, _perform)

    def _begin(self, oid: bytes, do: Callable[..., Any]) -> None:
        """Do it in a thread, as soon as the system has one."""
        try:
            self._threads(self._work, oid, do)
        except RuntimeError as error:
            log.error(
                "reactor job {oid} waits for a thread: {why}", oid=hex_oid(oid), why=str(error)
            )
            self._reactor.callLater(THREAD_SECONDS, self._begin, oid, do)

    def report(self, is_running: bool) -> SlotReport:
        """Return the state of the jobs for a pass; ``is_running``: more can begin."""
        return SlotReport(
            ready=is_running and self.application.is_ready,
            asks=is_running and self.application.is_awaited,
            outstanding=frozenset(self.running) | self.deferred,
            deferred=frozenset(self.deferred),
        )

    def wait_of(self, oid: bytes) -> dict[str, Any] | None:
        """Return the wait of a job for the storage as ``--json`` has it; None: it does not wait."""
        wait = self._last_wait if oid in self._waiting else None
        return None if wait is None else wait.for_status()

    def stop(self, grace: float) -> Deferred[None]:
        """Fires when no job is left, after ``grace`` seconds at the latest."""
        if not self.running and not self.deferred:
            return succeed(None)
        self._all_over = Deferred()
        self._grace.begin(grace)
        return self._all_over

    def hurry(self, seconds: float) -> None:
        """Let a stop wait for no more than so many seconds from now on."""
        self._grace.hurry(seconds)

    def _leave(self, reason: str) -> None:
        log.warn("{jobs} left: {why}", jobs=named(self.running | self.deferred), why=reason)
        self._none_is_awaited()

    def _none_is_awaited(self) -> None:
        self._grace.end()
        over, self._all_over = self._all_over, None
        if over is not None:
            over.callback(None)

    def _work(self, oid: bytes, do: Callable[[Any, Any, Performer], Any]) -> None:
        held: list[Any] = []
        try:
            self._in_connection(oid, do, held)
        except FencedError as error:
            why = str(error)
            log.error("reactor job {oid} is not committed: {why}", oid=hex_oid(oid), why=why)
        except SetAside as error:
            self._reactor.callFromThread(self.lacks, oid, error.missing)
        except Exception as error:  # where it lasts, the next pass finds the job and tries again
            if self._patience.lasts(error, oid, self._db):
                self._wait_for_storage(oid, error)
            else:
                self._end(oid, error)
        else:
            self._wait.works()
            self._patience.ends(oid)
        finally:
            self._reactor.callFromThread(self._done, oid, held)

    def _end(self, oid: bytes, error: Exception) -> None:
        """End a job that cannot be done, for what neither it nor its storage explains."""
        log.failure("reactor job {oid} cannot be done, and ends", oid=hex_oid(oid))
        failure = from_exception(error)
        try:
            self._in_connection(oid, lambda job, _, performer: performer.finish(job, failure), [])
        except Exception:
            log.failure("reactor job {oid} could not be ended", oid=hex_oid(oid))
            self._timing.sleep(1)

    def _wait_for_storage(self, oid: bytes, error: BaseException) -> None:
        self._waiting.append(oid)
        try:
            self._wait(error)
        finally:
            self._waiting.remove(oid)

    def _note_wait(self, error: BaseException | None, since: int, tries: int) -> None:
        if error is not None:
            self._last_wait = Wait.of(error, since, tries)

    def _done(self, oid: bytes, held: list[Any]) -> None:
        self.running.discard(oid)
        if held:
            self.deferred.add(oid)
            self._waits[oid] = held[0]
            held[0].addBoth(self._fired, oid)
        else:
            self.deferred.discard(oid)
        self._ended(oid)
        if not self.running and not self.deferred:
            self._none_is_awaited()

    def drop(self, oid: bytes) -> None:
        """Cancel the Deferred of a job whose record says that it has ended."""
        if oid in self._waits:
            self._waits[oid].cancel()

    def _fired(self, value: Any, oid: bytes) -> None:
        """The Deferred of a job has fired: store its result, in a thread again."""
        self._waits.pop(oid, None)
        self._begin(oid, lambda partial, _, performer: performer.settle(partial, value))

    def _in_connection(
        self, oid: bytes, do: Callable[[Any, Any, Performer], Any], held: list[Any]
    ) -> None:
        manager = transaction.TransactionManager()
        storage_lost = functools.partial(self._wait_for_storage, oid)
        attachment = self._attach(manager, storage_lost)
        try:
            performer = Performer(
                storage_lost,
                invoke=self._in_reactor(manager),
                within=in_own_context,
                around=self.application.around,
                hold=lambda _, deferred: held.append(deferred),
                detach=attachment.detach,
                sound=attachment.sound,
                require_usable=attachment.require_usable,
                wait=lambda deferred: self._from_thread(self._reactor, lambda: deferred),
                timing=self._timing,
                tell=self._tell,
                sets_aside=True,
                may_block=False,
                conflicted=self.conflicted,
                limits=self._limits,
                limited=functools.partial(late_call_logged, oid),
                bound=self._bound,
            )
            with tried_elsewhere(self._trial_of(oid)):
                do(attachment.connection.get(oid), attachment.incarnation, performer)
        except SetAside:  # objects whose class is absent stay stand-ins in a connection
            attachment.retire()
            raise
        finally:
            if held:
                attachment.retire()
            else:
                attachment.close()

    def _trial_of(self, oid: bytes) -> Trial | None:
        """Return what tries the results of a job: in a child, where there is one for that."""
        if self.try_value is None:
            return None

        def trial(data: bytes, references: tuple[Any, ...]) -> str:
            oids = [getattr(one, "_p_oid", None) or z64 for one in references]
            if len(oids) > REFERENCES_LIMIT:
                return f"it refers to {len(oids):,} stored objects, of at most {REFERENCES_LIMIT:,}"
            return self._from_thread(self._reactor, self.try_value, oid, data, oids)  # type: ignore

        return trial

    def _tell(self, notice: Notice) -> None:
        if self.tell is not None:
            self._reactor.callFromThread(self.tell, notice)

    def _attach(self, manager: Any, storage_lost: Callable[[BaseException], None]) -> JobConnection:
        """A connection; waits for the storage, because a Deferred's value must not get lost."""
        while True:
            try:
                catch_up_all(self._db)
                keep_open(self._db, refuse_to_jobs)
                return JobConnection(self._db, self._incarnation_oid, manager, queue="reactor")
            except NOT_COMMITTED as error:
                storage_lost(error)

    def _in_reactor(self, manager: Any) -> Callable[..., Any]:
        def invoke(call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            load(call, *args, *kwargs.values())
            around = read(OF_THREAD) if self.application.wraps_jobs else []
            context = copy_context()  # the reactor's thread knows the current job, too
            # In a list, so that a Deferred comes back as it is instead of being waited for.
            return self._from_thread(
                self._reactor, context.run, call_with_manager, manager, around, call, args, kwargs
            )[0]

        return invoke


def _perform(partial: Any, incarnation: Any, performer: Performer) -> None:
    performer.perform_claimed(partial, incarnation)
