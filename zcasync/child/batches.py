"""Batches: the waiting jobs of a child, performed in one commit as far as they can share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError, POSKeyError

from zcasync.child.job_queue import Job, JobQueue
from zcasync.interfaces import COMPLETED
from zcasync.job.completion import is_done
from zcasync.job.loadable import get
from zcasync.job.loading import Stage, loading
from zcasync.job.record import PartialRecord
from zcasync.perform.group_commit import GROUP_LIMIT, GROUP_SECONDS, Group, can_share
from zcasync.perform.job_connection import JobConnection
from zcasync.perform.performer import Performer
from zcasync.protocol.outcomes import Ending


def ending_of(partial: PartialRecord) -> Ending:
    """Return the ending to report for a partial whose commit is done."""
    is_finished = partial.state == COMPLETED and is_done(partial)
    return Ending.COMPLETED if is_finished else Ending.SETTLED


class JobBatch:
    """Jobs that share a commit.

    After ``perform``: ``ended`` (oids by their ending) are committed, ``deferred`` are too and wait
    for their Deferred, ``alone`` have to be run alone; ``begun`` are all of them, in order.
    """

    def __init__(
        self,
        jobs: JobQueue,
        job_connection: JobConnection,
        performer: Performer,
        begin: Callable[[bytes, bool], None],
    ) -> None:
        self.begun: list[Job] = []
        self.ended: dict[Ending, list[bytes]] = {}
        self.deferred: list[tuple[Job, Any]] = []
        self.alone: list[Job] = []
        self._jobs = jobs
        self._job_connection = job_connection
        self._performer = performer
        self._begin = begin
        self._announced = b""

    def perform(self, first: Job) -> None:
        """Perform ``first`` and the jobs behind it; nothing when ``first`` cannot share a commit.

        Raises what ``Group`` raises.
        """
        partial = self._partial(first)
        if partial is None:
            return
        group = Group(self._performer, self._job_connection.manager)
        members: list[Job] = []
        seconds = self._performer.host.timing.seconds
        until = seconds() + GROUP_SECONDS
        job: Job | None = first
        while job is not None and partial is not None:
            self.begun.append(job)
            self._announce(job)
            if group.add(partial):
                members.append(job)
            else:
                self.alone.append(job)
            if group.is_closed or len(members) >= GROUP_LIMIT or seconds() > until:
                break
            job, partial = self._following()
        try:
            undone = group.commit()
        finally:  # their start may be committed though what follows fails
            self.deferred += [
                (job, group.deferred[job.oid])
                for job in members
                if group.is_stored and job.oid in group.deferred
            ]
        self._sort(members, undone, group)

    def not_deferred(self) -> list[bytes]:
        """Return the oids of all that have begun, but for those that wait for their Deferred."""
        waiting = {job.oid for job, _ in self.deferred}
        return [job.oid for job in self.begun if job.oid not in waiting]

    def _sort(self, members: list[Job], undone: list[bytes], group: Group) -> None:
        for job in members:
            if job.oid in undone:
                self.alone.append(job)
            elif job.oid not in group.deferred:
                self.ended.setdefault(ending_of(group.member(job.oid)), []).append(job.oid)

    def _following(self) -> tuple[Job | None, PartialRecord | None]:
        """Take the next job, with its partial, when it can share the commit; else leave it."""
        job = self._jobs.next_now()
        if job is None:
            return None, None
        partial = None
        try:
            partial = self._partial(job)
        except (ConflictError, POSKeyError):
            pass  # its claim is newer than what this transaction sees
        finally:
            if partial is None:
                self._jobs.put_first(job)
        return (None, None) if partial is None else (job, partial)

    def _announce(self, job: Job) -> None:
        if self._announced != job.oid:
            self._announced = job.oid
            self._begin(job.oid, True)

    def _partial(self, job: Job) -> PartialRecord | None:
        """Return the job's partial when it can share a commit, else None."""
        if job.has_fired:
            return None
        found = get(self._job_connection.connection, job.oid, PartialRecord)
        if found._p_changed is None:
            self._announce(job)  # a module that it needs may end the process
            with loading(Stage.CALL):
                found._p_activate()
        if not can_share(found, self._job_connection.incarnation):
            return None
        return None if self._performer.host.limits_of(found) else found  # a clock is for one call
