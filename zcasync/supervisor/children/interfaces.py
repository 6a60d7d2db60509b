"""Interfaces that the engine relies on: a child and a pool, whatever performs their jobs.

Processes (:mod:`~zcasync.supervisor.children.pool`, :mod:`~zcasync.supervisor.children.child`) and
threads (:mod:`zcasync.twisted_engine.threads`) provide them.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from zcasync.job.conflict_counts import ConflictCounts
from zcasync.liveness.death import Death
from zcasync.perform.notices import Notice
from zcasync.perform.progress import Progress
from zcasync.protocol.left_threads import LeftThread
from zcasync.protocol.outcomes import Completion, Ending
from zcasync.protocol.waits import Wait
from zcasync.supervisor.children.child_report import ChildReport, EndedJob


class IChild(Protocol):
    """A child: performs thread jobs, one after the other.

    Its state is kept by a :class:`~zcasync.supervisor.children.state.ChildState`.
    """

    @property
    def slot(self) -> int:
        """Its slot."""

    @property
    def outstanding(self) -> deque[bytes]:
        """The oids of the jobs assigned to it; the first one runs."""

    @property
    def job_since(self) -> float:
        """The moment at which that one has begun, on the reactor's clock."""

    @property
    def pid(self) -> int:
        """Its process; 0: it is a thread."""

    @property
    def wait(self) -> Wait | None:
        """The wait for its storage that it has told; None: it does not wait."""

    @property
    def unstored(self) -> EndedJob | None:
        """The job that has ended last, where its end could not be stored; else None."""

    @property
    def seconds_per_job(self) -> float | None:
        """The time that its jobs take; None: it has ended none yet."""

    @property
    def conflicts(self) -> ConflictCounts:
        """The conflicts of its jobs that the executors have not heard of."""

    @property
    def taking_back(self) -> bool:
        """True while it is asked for the jobs that it has not begun."""

    def job_id(self) -> str | None:
        """Return the id of the running job."""

    def take_ended(self) -> list[EndedJob]:
        """Return the jobs that have ended since the last time."""

    def take_notices(self) -> list[Notice]:
        """Return what it has told of calls that failed since the last time."""

    def take_report(self) -> ChildReport:
        """Return what the next pass has to know."""

    def perform(self, oids: list[bytes], tid: bytes | None = None) -> None:
        """Assign jobs to it, which were claimed by this transaction."""

    def reorder(self, oids: list[bytes]) -> None:
        """Let it perform in this order what it has not begun."""

    def take_back(self) -> Deferred[list[bytes]]:
        """Ask for the jobs that it has not begun; fires with their oids."""

    def finish(self) -> None:
        """Let it end after the running job."""

    def note_retired(self, culprit: bytes | None) -> None:
        """Note that it is to be killed, at the cost of this job alone; None: of none."""

    def kill(self, reason: str) -> None:
        """End it, with the running job."""


#: Called with a child that is ready or has ended a job.
Changed = Callable[[Any], None]
#: Called when the child of a slot is gone; last, whether no job was assigned to it.
Died = Callable[[int, Death, bool], None]


class IChildPool(Protocol):
    """The children of one engine: one in each slot."""

    @property
    def children(self) -> Mapping[int, IChild]:
        """The children by slot."""

    @property
    def size(self) -> int:
        """The number of slots."""

    @property
    def boot_problem(self) -> str | None:
        """The reason why children cannot be started, where they cannot."""

    def ready(self) -> Sequence[IChild]:
        """Return the children that can take jobs."""

    def set_size(self, size: int) -> None:
        """Have so many children from now on; surplus ones end after their job."""

    def stop(self, grace: float) -> Deferred[Any]:
        """Let the children end their jobs within ``grace`` seconds; fires when none is left."""

    def hurry(self, seconds: float) -> None:
        """Let a stop wait for no more than so many seconds from now on."""

    def kill_all(self, reason: str) -> None:
        """Kill every child."""


#: Makes a pool: (engineUUID, oid of the incarnation, changed, died) -> pool.
PoolFactory = Callable[[uuid.UUID, bytes, Changed, Died], IChildPool]


class IChildProcess(Protocol):
    """A child process as the supervisor's ends of its pipes report to it."""

    @property
    def slot(self) -> int:
        """Its slot."""

    @property
    def conflicts(self) -> ConflictCounts:
        """The conflicts of its jobs, to be added to."""

    def is_ready(self, mark: str) -> None:
        """Note that it can take jobs, and with which mark it will name them in its output."""

    def note_progress(self, progress: Progress) -> None:
        """Note what the running job has reported."""

    def was_told(self, notice: Notice) -> None:
        """Note that a call has failed, and pass that on."""

    def waits_for_storage(self, wait: Wait | None) -> None:
        """Note that it waits for its storage, or does so no more, and pass that on."""

    def note_completed(self, oids: list[bytes], completions: list[Completion]) -> None:
        """Note that jobs are completed: committed, with nothing left to do for them."""

    def jobs_ended(self, oids: list[bytes], ending: Ending, seconds: float, detail: str) -> None:
        """Note that jobs have ended or wait for a Deferred; ``seconds``: the time of each."""

    def is_leaving(self, threads: list[LeftThread]) -> None:
        """Note that it is about to end, and which threads its jobs have left."""

    def output_received(self, fd: int, data: bytes) -> bool:
        """Take what it has written to its stdout (1) or stderr (2).

        Returns whether its job has written more there than is logged.
        """

    def has_hung_up(self) -> None:
        """Note that it has closed its end of the conversation."""

    def kill_group(self) -> None:
        """Kill the processes that are left in its group."""

    def drain(self, *fds: int) -> None:
        """Take what is in the pipes now."""

    def exited(self, reason: Any) -> None:
        """Note that the process is gone."""
