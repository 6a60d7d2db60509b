"""The job thread: performs one partial after the other; knows nothing of a reactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zcasync.application.setup import SetUp
from zcasync.child.batches import JobBatch, ending_of
from zcasync.child.isolation import Isolation, NoIsolation, NotFresh
from zcasync.child.job_database import JobDatabase
from zcasync.child.job_queue import Job, JobQueue
from zcasync.database.errors import NOT_COMMITTED
from zcasync.database.waiting import Observer, StorageWait, unseen
from zcasync.errors import FencedError, UnstorableError, ZCAsyncError
from zcasync.job.broken import broken
from zcasync.job.loadable import get
from zcasync.job.loading import Stage, loading
from zcasync.job.outcome import outcome_of
from zcasync.job.record import PartialRecord
from zcasync.perform.missing import SetAside
from zcasync.perform.patience import Patience
from zcasync.perform.performer import Performer
from zcasync.perform.reach import load_reach, try_value
from zcasync.perform.transactions import abort
from zcasync.protocol.outcomes import Completion, Ended, Ending
from zcasync.retry.attempts import Timing
from zcasync.zeo.older import StateLoadError
from zcasync.zeo.storage_errors import mark


class UnreadableError(ZCAsyncError):
    """The record of a job cannot be loaded in this process."""


class JobThread:
    """The thread of a child's jobs, and their connection, which is opened in it.

    ``open_databases()`` returns the main database.  The next four are called in this thread:
    ``ready()`` once the connection is open; ``begin(oid, at_once)`` before each job, at once where
    the supervisor would otherwise take another job for the running one; ``ended(Ended)``;
    ``watch(oid, deferred)`` for a Deferred that a job has returned, whose result comes back through
    ``jobs.add_fired``.  ``wait(deferred)`` returns the value that the Deferred of a callback fires
    with, or raises it.  ``say(text)`` logs; ``timing`` is the clock of this thread and of attempts.
    ``observe``: see :class:`zcasync.database.waiting.StorageWait`.
    ``host``: further functions of a :class:`zcasync.perform.run.Host`.
    ``owns_process``: whatever this process commits, in other threads too, is its engine's work.
    ``isolation`` None: no job has a process of its own.
    ``application`` None: there is none; ``open_databases`` sets it up.
    """

    def __init__(
        self,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        jobs: JobQueue,
        *,
        ready: Callable[[], None],
        begin: Callable[[bytes, bool], None],
        ended: Callable[[Ended], None],
        watch: Callable[[bytes, Any], None],
        wait: Callable[[Any], Any],
        say: Callable[[str], None] = print,
        timing: Timing | None = None,
        owns_process: bool = False,
        observe: Observer = unseen,
        isolation: Isolation | None = None,
        application: SetUp | None = None,
        **host: Any,
    ) -> None:
        self._jobs = jobs
        self._ready = ready
        self._begin = begin
        self._ended = ended
        self._watch = watch
        self._isolation = isolation or NoIsolation()
        self._application = application or SetUp(None)
        self._deferred: Any = None
        self._patience = Patience()
        self._has_begun = False  # the transaction in which the next job is to be performed
        self._timing = timing or Timing()
        self._storage_wait = StorageWait(say, self._timing.sleep, observe)
        self._database = JobDatabase(
            open_databases, incarnation, self._storage_wait.use, owns_process
        )
        self._performer = self._make_performer(wait=wait, **host)

    def _make_performer(self, **host: Any) -> Performer:
        return Performer(
            self._storage_wait,
            hold=self._hold,
            detach=lambda partial: self._database.job_connection.detach(partial),
            sound=self._database.sound,
            require_usable=self._database.require_usable,
            timing=self._timing,
            sets_aside=True,
            around=self._application.around,
            is_to_stop=lambda: self._jobs.is_finishing,
            **host,
        )

    def run(self) -> None:
        """Open the connection and perform jobs until there are no more.

        Raises what opening the connection raises.
        """
        self.open()
        self._ready()
        while (job := self._jobs.next()) is not None:
            self._performer.host.within(self.perform, job)
        self._application.close()
        self._database.close()

    def open(self) -> None:
        """Open the connection."""
        self._database.open()

    def perform(self, job: Job) -> None:
        """Perform a job, with those behind it where they can share its commit."""
        if self._isolation.is_spent and not job.has_fired:
            self._report([job.oid], Ending.SPENT)
        elif job.is_check:
            self._check(job)
        elif not self._perform_batch(job):
            self._perform_alone(job)
        self._isolation.has_begun = True
        if self._isolation.is_spent:
            self._report([], Ending.SPENT)

    def _check(self, job: Job) -> None:
        self._begin(job.oid, True)
        ending, detail = self._guarded(self._load, job)
        self._report([job.oid], ending, detail=detail)

    def _load(self, job: Job) -> Ending:
        self._database.renew()
        self._database.catch_up(self._jobs.take_claim_tids())
        if job.value is None:
            load_reach(self._database.connection.get(job.oid))
        else:
            try_value(self._database.connection, *job.value)
        abort(self._database.job_connection.manager)
        return Ending.SETTLED

    def _perform_alone(self, job: Job, is_one_of_several: bool = False) -> None:
        # A job whose Deferred has fired is announced at once too: jobs that wait in front of it, as
        # far as the supervisor knows, must not lose an attempt when the child dies.
        self._begin(job.oid, is_one_of_several or job.has_fired)
        began = self._timing.seconds()
        ending, detail = self._guarded(self._perform, job)
        if self._deferred is not None:  # its start is committed, whatever has gone wrong since
            ending, detail = Ending.DEFERRED, ""
        self._report([job.oid], ending, self._microseconds_since(began), detail)
        if self._deferred is not None:
            deferred, self._deferred = self._deferred, None
            self._database.job_connection.retire()
            self._watch(job.oid, deferred)

    def _perform(self, job: Job) -> Ending:
        if job.has_fired:
            self._settle(job)
            return ending_of(self._database.connection.get(job.oid))
        if not self._has_begun:
            self._begin_transaction(job.oid)
        self._has_begun = False
        partial = get(self._database.connection, job.oid, PartialRecord)
        try:
            if partial._p_changed is None:
                with loading(Stage.CALL):  # the classes of what it refers to are imported
                    partial._p_activate()
        except StateLoadError as error:  # a missing record may come, but this one stays as it is
            if isinstance(error.__cause__, MemoryError):
                raise
            raise UnreadableError(broken(partial)) from error
        if not isinstance(partial, PartialRecord):
            raise UnreadableError(broken(partial))
        self._isolation.enter(partial)
        if not self._performer.perform_claimed(partial, self._database.incarnation):
            return Ending.SKIPPED
        return ending_of(partial)

    def _settle(self, job: Job) -> None:
        """Store a Deferred's value, however long that takes: else the job would run again."""
        while True:
            try:
                self._database.renew()
                self._database.begin()
                self._performer.settle(self._database.connection.get(job.oid), job.value)
                return
            except NOT_COMMITTED as error:
                abort(self._database.job_connection.manager)
                self._storage_wait(error)

    def _guarded(self, work: Callable[..., Ending], *args: Any) -> tuple[Ending, str]:
        """Call ``work``; return its ending and '', or for an exception an ending and the reason.

        The last of the arguments is the job.  Raises what neither the job nor its storage explains:
        that ends the process, and is counted as an interruption of the job that was begun.
        """
        try:
            ending, detail = work(*args), ""
        except FencedError as error:
            ending, detail = Ending.FENCED, str(error)
        except (UnreadableError, UnstorableError) as error:
            ending, detail = Ending.UNREADABLE, str(error)
        except NotFresh:
            ending, detail = Ending.SPENT, ""
        except SetAside as error:
            ending, detail = Ending.ABSENT, error.missing.as_line()
        except Exception as error:
            mark(error, self._database.connection)
            if not self._patience.lasts(error, args[-1].oid, self._database.connection.db()):
                raise
            ending, detail = Ending.STORAGE, f"{type(error).__name__}: {error}"
        else:
            self._storage_wait.works()
            self._patience.ends(args[-1].oid)
            return ending, detail
        abort(self._database.job_connection.manager)
        if ending == Ending.ABSENT:  # objects whose class is absent stay stand-ins in a connection
            self._database.job_connection.retire()
        return ending, detail[:1000]

    def _perform_batch(self, first: Job) -> bool:
        """Perform this job and those behind it in one commit; return False: it has to run alone."""
        if first.has_fired or self._isolation.isolates_all or self._application.wraps_jobs:
            return False
        batch = JobBatch(self._jobs, self._database.job_connection, self._performer, self._begin)
        began = self._timing.seconds()
        try:
            ending, detail = self._guarded(self._run_batch, batch, first)
        except Exception:
            if batch.begun:
                raise
            return False  # alone it is begun before, so that its interruption is counted
        if not batch.begun:
            self._has_begun = ending == Ending.SETTLED
            return False
        if ending == Ending.SETTLED:
            took = self._microseconds_since(began) // len(batch.begun)
            for how, oids in batch.ended.items():
                self._report(oids, how, took)
        else:
            self._report(batch.not_deferred(), ending, detail=detail)
        if batch.deferred:
            self._database.job_connection.retire()
        for job, deferred in batch.deferred:
            self._report([job.oid], Ending.DEFERRED)
            self._watch(job.oid, deferred)
        for job in batch.alone if ending == Ending.SETTLED else ():
            self._perform_alone(job, True)
        return True

    def _run_batch(self, batch: JobBatch, first: Job) -> Ending:
        self._begin_transaction(first.oid)
        batch.perform(first)
        return Ending.SETTLED

    def _report(
        self, oids: list[bytes], ending: Ending, microseconds: int = 0, detail: str = ""
    ) -> None:
        get, completions = self._database.connection.get, []
        if ending == Ending.COMPLETED:
            try:
                if self._database.job_connection.take_protected():
                    done = [get(oid) for oid in oids]
                    completions = [Completion(one.ended_at or 0, outcome_of(one)) for one in done]
                else:
                    ending = Ending.SETTLED  # the records decide
            except NOT_COMMITTED:  # the storage has just gone away: the records decide
                abort(self._database.job_connection.manager)
                ending = Ending.SETTLED
        self._ended(Ended(oids, ending, microseconds, detail, completions))

    def _begin_transaction(self, oid: bytes) -> None:
        self._database.renew()
        tids = self._jobs.take_claim_tids()
        if tids:
            self._database.see_claims(tids, [oid, *self._jobs.waiting()])
        else:
            self._database.begin()

    def _hold(self, partial: PartialRecord, deferred: Any) -> None:
        self._deferred = deferred

    def _microseconds_since(self, began: float) -> int:
        return int((self._timing.seconds() - began) * 1_000_000)


def thread_target(run: Callable[[], None], failed: Callable[[BaseException], None]) -> Any:
    """Return a thread's target that calls ``failed`` with any exception of ``run``."""

    def target() -> None:
        try:
            run()
        except BaseException as error:  # SystemExit too: the process must not idle without it
            failed(error)

    return target
