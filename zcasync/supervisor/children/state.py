"""The state of one child as the supervisor keeps it: its jobs and how it is; written only here."""

from __future__ import annotations

from collections import deque
from collections.abc import Set
from enum import StrEnum
from typing import Any

from zcasync.job.conflict_counts import ConflictCounts
from zcasync.job.ids import hex_oid
from zcasync.perform.notices import Notice
from zcasync.perform.progress import Progress
from zcasync.protocol.left_threads import LeftThread
from zcasync.protocol.outcomes import Completion, Ending
from zcasync.protocol.waits import Wait
from zcasync.supervisor.children.child_report import ChildReport, EndedJob
from zcasync.supervisor.children.order import in_order


class State(StrEnum):
    """The states of a child, in the words of ``status --json``."""

    BOOTING = "booting"
    SPARE = "spare"  # ready, without a slot
    IDLE = "idle"
    BUSY = "busy"
    STOPPING = "stopping"
    GONE = "gone"


#: Every way a state may change.
TRANSITIONS = {
    State.BOOTING: {State.IDLE, State.SPARE, State.STOPPING, State.GONE},
    State.SPARE: {State.IDLE, State.STOPPING, State.GONE},
    State.IDLE: {State.BUSY, State.STOPPING, State.GONE},
    State.BUSY: {State.IDLE, State.STOPPING, State.GONE},
    State.STOPPING: {State.GONE},
    State.GONE: set[State](),
}
#: A child in one of these can take jobs.
WORKING = (State.IDLE, State.BUSY)

#: The slot of a spare child.
NO_SLOT = -1


class ChildState:
    """The jobs assigned to one child, in the order in which it performs them, and how it is.

    The first of ``outstanding`` runs.  Others read the attributes and report what happens to the
    ``note_`` methods.
    """

    def __init__(self, reactor: Any, slot: int, role: str = "", generation: int = 0) -> None:
        self.slot = slot  # or NO_SLOT
        self.role = role  # for the log, where it performs no thread jobs
        self.state = State.BOOTING
        self.generation = generation  # what was written later is loaded by later ones
        self.pid = 0
        self.was_ready = False
        self.ready_at = 0.0
        self.is_unwanted = False  # it was asked to end
        self.leaving_seconds = 0.0  # for so long it could have ended
        self.threads: list[LeftThread] = []  # that its jobs have left, when it is about to end
        self.frozen_seconds: float | None = None  # for so long a signal has stopped it
        self.rss = 0  # resident memory, bytes, when last sampled
        self.rss_at_rest = 0  # the same, when it ran no job
        self.sampled_at = float("-inf")
        # its jobs
        self.outstanding: deque[bytes] = deque()
        self.deferred: set[bytes] = set()  # jobs that wait for a Deferred of theirs
        self.ended: list[EndedJob] = []  # that the executors have not heard of
        self.notices: list[Notice] = []  # the same
        self.conflicts = ConflictCounts()  # the same
        # Jobs of which nothing is left to do but to retire them, and when and how they ended.
        self.completed: dict[bytes, Completion] = {}
        self.given_back: list[bytes] = []  # returned when it was asked to end; no pass has seen it
        self.taking_back = False
        self.has_changes = False  # it has committed something that no pass has seen
        self.jobs_done = 0
        self.seconds_per_job: float | None = None
        self.job_since = 0.0
        self.progress: Progress | None = None  # what the running job has reported last
        self.unseen_progress = False  # that no pass has seen
        self.wait: Wait | None = None  # for its storage, while it does
        self.unstored: EndedJob | None = None  # the job that ended last, for want of its storage
        # It is killed at the cost of this job alone, None: of none.
        self.is_retired = False
        self.culprit: bytes | None = None
        self._reactor = reactor

    def move_to(self, state: State) -> None:
        """Change the state along the table."""
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state = State(state)

    @property
    def place(self) -> str:
        """Its slot, for the log."""
        if self.role:
            return self.role
        return "spare" if self.slot == NO_SLOT else f"slot {self.slot}"

    @property
    def should_be_gone(self) -> bool:
        """True while it was asked to end and has nothing left to do."""
        return self.is_unwanted and not self.outstanding and not self.deferred

    @property
    def at_stake(self) -> frozenset[bytes]:
        """The jobs that its end may interrupt."""
        if self.is_retired:
            return frozenset() if self.culprit is None else frozenset((self.culprit,))
        return frozenset((*self.outstanding, *self.deferred))

    @property
    def is_free(self) -> bool:
        """True while its end would interrupt no job."""
        return not self.at_stake

    def note_retired(self, culprit: bytes | None) -> None:
        """Note that it is to be killed, at the cost of this job alone; None: of none."""
        self.is_retired, self.culprit = True, culprit

    def job_id(self) -> str | None:
        """Return the id of the running job."""
        return hex_oid(self.outstanding[0]) if self.outstanding else None

    # the process

    def note_started(self, pid: int) -> None:
        """Note that its process has started."""
        self.pid = pid

    def note_ready(self) -> None:
        """Note that it can take jobs."""
        self.was_ready = True
        self.ready_at = self._reactor.seconds()
        if self.state == State.BOOTING:
            self.move_to(State.SPARE if self.slot == NO_SLOT else State.IDLE)

    def take_slot(self, slot: int) -> None:
        """Replace the child of a slot, having been the spare."""
        self.slot = slot
        if self.state == State.SPARE:
            self.move_to(State.IDLE)

    def note_unwanted(self) -> None:
        """Note that it is asked to end."""
        self.is_unwanted = True

    def note_leaving(self, threads: list[LeftThread]) -> None:
        """Note that it is about to end, and which threads its jobs have left."""
        self.threads = threads

    def note_lingering(self, seconds: float) -> None:
        """Note that it could have ended, for so many seconds more."""
        self.leaving_seconds += seconds

    def note_frozen(self, seconds: float) -> float:
        """Note that a signal has stopped it; return for how long, as far as it was seen.

        ``seconds``: since the last sample, in which it need not have been stopped.
        """
        self.frozen_seconds = 0.0 if self.frozen_seconds is None else self.frozen_seconds + seconds
        return self.frozen_seconds

    def note_continued(self) -> None:
        """Note that no signal stops it any more."""
        self.frozen_seconds = None

    def note_memory(self, rss: int, moment: float, *, at_rest: bool) -> None:
        """Note the memory that it takes at this moment, bytes; ``at_rest``: it runs no job."""
        self.rss, self.sampled_at = rss, moment
        if at_rest:
            self.rss_at_rest = rss

    # its jobs

    def note_given(self, oids: list[bytes]) -> None:
        """Note that jobs were assigned to it."""
        if not self.outstanding:
            self.job_since = self._reactor.seconds()
        self.outstanding.extend(oids)
        if self.state == State.IDLE:
            self.move_to(State.BUSY)

    def note_order(self, asked: Set[bytes], waiting: list[bytes]) -> None:
        """Note the order of what it has not begun, of what it had when it was asked."""
        self.outstanding = deque(in_order(self.outstanding, asked, waiting))

    def note_progress(self, progress: Progress) -> None:
        """Note what the running job has reported."""
        if self.outstanding:
            self.progress = progress
            self.unseen_progress = True

    def note_told(self, notice: Notice) -> None:
        """Note that a call has failed, for good or to be attempted again."""
        self.notices.append(notice)

    def note_wait(self, wait: Wait | None) -> None:
        """Note that it waits for its storage; None: it does so no more."""
        self.wait = wait

    def note_completed(self, oids: list[bytes], completions: list[Completion]) -> None:
        """Note that jobs are completed: committed, with nothing left to do for them."""
        self.completed.update(zip(oids, completions, strict=False))

    def note_ended(self, oid: bytes, ending: Ending, seconds: float, detail: str) -> None:
        """Note that a job has ended, or waits for a Deferred."""
        if oid in self.outstanding:
            self.outstanding.remove(oid)
        if ending == Ending.DEFERRED:
            self.deferred.add(oid)
        else:
            self.deferred.discard(oid)
            self.jobs_done += ending not in (Ending.ABSENT, Ending.SPENT)
        job = EndedJob(oid, ending, detail)
        self.ended.append(job)
        self.unstored = job if ending == Ending.STORAGE else None
        if ending != Ending.COMPLETED:
            self.has_changes = True
        self.progress = self.wait = None
        self.job_since = self._reactor.seconds()
        before = self.seconds_per_job
        self.seconds_per_job = seconds if before is None else 0.8 * before + 0.2 * seconds
        self._rest_when_done()

    def note_taking_back(self) -> None:
        """Note that it is asked for the jobs that it has not begun."""
        self.taking_back = True

    def note_taken_back(self, oids: list[bytes]) -> None:
        """Note that it has answered that with these jobs."""
        self.taking_back = False
        self.note_returned(oids)

    def note_given_back(self, oids: list[bytes]) -> None:
        """Note that it was asked to end, and returns the jobs that it has not begun."""
        self.note_returned(oids)
        self.given_back += oids

    def note_returned(self, oids: list[bytes]) -> None:
        """Note that jobs which it had not begun are not assigned to it any more."""
        for oid in oids:
            self.outstanding.remove(oid)
        self._rest_when_done()

    def _rest_when_done(self) -> None:
        if not self.outstanding and self.state == State.BUSY:
            self.move_to(State.IDLE)

    # what others have to hear of

    def take_ended(self) -> list[EndedJob]:
        """Return the jobs that have ended since the last time."""
        ended, self.ended = self.ended, []
        return ended

    def take_notices(self) -> list[Notice]:
        """Return what it has told of calls that failed since the last time."""
        notices, self.notices = self.notices, []
        return notices

    def take_report(self) -> ChildReport:
        """Return what the next pass has to know; leaves nothing of it for the pass after that."""
        report = ChildReport(
            frozenset(self.outstanding) | self.deferred,
            frozenset(self.deferred),
            self.completed,
            self.given_back,
            self._take_progress(),
            self.has_changes,
        )
        self.completed, self.given_back, self.has_changes = {}, [], False
        return report

    def _take_progress(self) -> tuple[bytes, Progress] | None:
        if not self.unseen_progress or not self.outstanding or self.progress is None:
            return None
        self.unseen_progress = False
        return self.outstanding[0], self.progress
