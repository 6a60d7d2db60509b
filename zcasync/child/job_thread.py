"""Performs one partial after the other in a thread of its own; knows nothing of a reactor."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import transaction
from ZODB.POSException import StateLoadError

from zcasync.child.batches import JobBatch, ending_of
from zcasync.child.job_queue import Job, Jobs
from zcasync.child.read_ahead import Listener
from zcasync.database.errors import NOT_COMMITTED
from zcasync.database.opening import open_databases, open_servers
from zcasync.database.sync import catch_up_all, manager_database
from zcasync.database.waiting import StorageWait
from zcasync.errors import FencedError, ZCAsyncError
from zcasync.instance import settings
from zcasync.instance.home import Home
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.perform.job_connection import JobConnection
from zcasync.perform.performer import Performer
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.outcomes import Ended, Ending
from zcasync.retry.attempts import Timing
from zcasync.zeo.bulk_load import load_ahead, load_all
from zcasync.zeo.connections import cached


class UnreadableError(ZCAsyncError):
    """The record of a job cannot be loaded."""


class JobThread:
    """Performs jobs over a connection that it opens in the thread it runs in.

    ``open_databases()`` returns the main database.  The others are told of what happens, in this
    thread: ``ready()``; ``begin(oid, at once)``, at once where the supervisor could take another
    one for the one at work; ``ended(Ended)``; ``watch(oid, deferred)`` for a Deferred that a job
    has returned, whose result comes back through ``jobs.add_fired``.  ``wait(deferred)`` returns
    what the Deferred of a callback fires with, or raises it.  ``say(text)`` logs, ``timing`` is its
    clock, as of the tries.
    """

    def __init__(
        self,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        jobs: Jobs,
        *,
        ready: Callable[[], None],
        begin: Callable[[bytes, bool], None],
        ended: Callable[[Ended], None],
        watch: Callable[[bytes, Any], None],
        wait: Callable[[Any], Any],
        say: Callable[[str], None] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._open_databases = open_databases
        self._incarnation_oid = incarnation
        self._jobs = jobs
        self._ready = ready
        self._begin = begin
        self._ended = ended
        self._watch = watch
        self._deferred: Any = None
        self._timing = timing or Timing()
        self._storage_wait = StorageWait(say or say_in_log, self._timing.sleep)
        self._performer = Performer(
            self._storage_wait,
            hold=self._hold,
            detach=self._detach,
            wait=wait,
            timing=self._timing,
        )

    def run(self) -> None:
        """The thread's work.  Raises what opening the connection raises."""
        self.open()
        self._ready()
        while (job := self._jobs.next()) is not None:
            self.perform(job)
        self._listener.close()
        self._attachment.close()

    def open(self) -> None:
        """Open the connection."""
        self._storage_wait.db = self._open_databases()
        self._attachment = JobConnection(self._storage_wait.db, self._incarnation_oid)
        self._listener = Listener(manager_database(self._storage_wait.db))

    def perform(self, job: Job) -> None:
        """Perform a job; with those behind it where they can share its commit."""
        if not self._perform_together(job):
            self._perform_alone(job)

    def _perform_alone(self, job: Job, is_one_of_several: bool = False) -> None:
        # One that has fired is said, too: others, which wait in front of it for all that is known,
        # must not lose an attempt for it.
        self._begin(job.oid, is_one_of_several or job.has_fired)
        began = self._timing.seconds()
        ending, detail = self._guarded(self._perform, job)
        self._tell([job.oid], ending, self._microseconds_since(began), detail)
        if self._deferred is not None:
            deferred, self._deferred = self._deferred, None
            self._attachment.retire()
            self._watch(job.oid, deferred)

    def _perform(self, job: Job) -> Ending:
        if job.has_fired:
            self._settle(job)
            return ending_of(self._attachment.connection.get(job.oid))
        self._see_news(job.oid)
        transaction.begin()
        partial = self._attachment.connection.get(job.oid)
        try:
            partial._p_activate()
        except StateLoadError as error:  # a record that is not there may come; this one stays so
            if isinstance(error.__cause__, MemoryError):
                raise
            raise UnreadableError(broken(partial)) from error
        did = self._performer.perform_claimed(partial, self._attachment.incarnation)
        if self._deferred is not None:
            return Ending.DEFERRED
        if not did:
            return Ending.SKIPPED
        return ending_of(partial)

    def _settle(self, job: Job) -> None:
        """Store what a Deferred gave, however long that takes: the job would have to run again."""
        while True:
            try:
                self._attachment.open()
                transaction.begin()
                self._performer.settle(self._attachment.connection.get(job.oid), job.value)
                return
            except NOT_COMMITTED as error:
                transaction.abort()
                self._storage_wait(error)

    def _guarded(self, work: Callable[..., Ending], *args: Any) -> tuple[Ending, str]:
        """Do it; what the storage says to it becomes an ending."""
        try:
            ending, detail = work(*args), ""
        except FencedError as error:
            ending, detail = Ending.FENCED, str(error)
        except UnreadableError as error:
            ending, detail = Ending.UNREADABLE, str(error)
        except Exception as error:  # a storage may raise anything; the supervisor tries again later
            ending, detail = Ending.STORAGE, f"{type(error).__name__}: {error}"
        else:
            self._storage_wait.works()
            return ending, detail
        transaction.abort()
        return ending, detail[:1000]

    def _perform_together(self, first: Job) -> bool:
        """Perform this job and those that follow it in one commit; False: it has to run alone."""
        if first.has_fired:
            return False
        together = JobBatch(self._jobs, self._attachment, self._performer, self._begin)
        began = self._timing.seconds()
        ending, detail = self._guarded(self._work_together, together, first)
        if not together.begun:
            return False
        if ending == Ending.SETTLED:
            took = self._microseconds_since(began) // len(together.begun)
            for how, oids in together.over.items():
                self._tell(oids, how, took)
            if together.deferred:
                self._attachment.retire()
            for job, deferred in together.deferred:
                self._tell([job.oid], Ending.DEFERRED)
                self._watch(job.oid, deferred)
            for job in together.alone:
                self._perform_alone(job, True)
        else:
            self._tell([job.oid for job in together.begun], ending, detail=detail)
        return True

    def _work_together(self, together: JobBatch, first: Job) -> Ending:
        self._see_news(first.oid)
        transaction.begin()
        together.perform(first)
        return Ending.SETTLED

    def _tell(
        self, oids: list[bytes], ending: Ending, microseconds: int = 0, detail: str = ""
    ) -> None:
        get, moments = self._attachment.connection.get, []
        if ending == Ending.COMPLETED:
            try:
                moments = [get(oid).ended_at or 0 for oid in oids]
            except NOT_COMMITTED:  # the storage has just gone away: the records will tell
                transaction.abort()
                ending = Ending.SETTLED
        self._ended(Ended(oids, ending, microseconds, detail, moments))

    def _see_news(self, oid: bytes) -> None:
        """Make sure that claims which we were told of can be seen, and load them all at once."""
        self._attachment.open()
        news = self._jobs.take_news()
        if news:
            known = [tid for tid in news if tid is not None]
            last = max(known) if len(known) == len(news) else None
            catch_up_all(self._attachment.connection.db(), last)
            transaction.begin()
            load_ahead(self._attachment.connection, [oid], self._listener.take(last))
            self._prefetch([oid, *self._jobs.waiting()])

    def _prefetch(self, oids: list[bytes]) -> None:
        """Ask the storage for what a batch of jobs needs at once, instead of one by one."""
        if len(oids) > 1:
            connection = self._attachment.connection
            load_all(connection, oids)
            # One that has come just now may be newer than what this transaction sees.
            partials = [cached(connection, oid) for oid in oids]
            sidecars = [one.sidecar for one in partials if isinstance(one, PartialRecord)]
            load_all(connection, [one._p_oid for one in sidecars if one is not None])

    def _detach(self, partial: PartialRecord) -> Callable[[], PartialRecord]:
        return self._attachment.detach(partial)

    def _hold(self, partial: PartialRecord, deferred: Any) -> None:
        self._deferred = deferred

    def _microseconds_since(self, began: float) -> int:
        return int((self._timing.seconds() - began) * 1_000_000)


def say_in_log(text: str) -> None:
    """Say it in the log, with the job's id."""
    print(text, file=sys.stderr)


def opener(spec: ChildSpec) -> Callable[[], Any]:
    """A function that opens the databases that a child was told of, and returns the main one."""

    def open_them() -> Any:
        if spec.servers is not None:
            return open_servers(spec.servers, spec.storage_timeout)
        home = Home.find(spec.home)
        path = None if spec.config is None else Path(spec.config)
        return open_databases(home, settings.load(home, path), spec.storage_timeout)

    return open_them


def thread_target(run: Callable[[], None], failed: Callable[[BaseException], None]) -> Any:
    """A thread's target that hands on whatever ends it."""

    def target() -> None:
        try:
            run()
        except BaseException as error:  # SystemExit too: the process must not idle without it
            failed(error)

    return target
