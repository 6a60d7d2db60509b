"""What a performer of thread jobs has in hand: the supervisor's books on one child."""

from __future__ import annotations

from collections import deque
from typing import Any

from zcasync.job.ids import hex_oid
from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Ending

#: Every state of a child and where it can lead.
STATES = {
    "booting": {"idle", "spare", "stopping", "gone"},
    "spare": {"idle", "stopping", "gone"},
    "idle": {"busy", "stopping", "gone"},
    "busy": {"idle", "stopping", "gone"},
    "stopping": {"gone"},
    "gone": set[str](),
}

#: Where a spare child is: in no slot.
SPARE = -1


class ChildState:
    """The jobs of one slot, in the order in which they will be performed; the first one runs."""

    def __init__(self, reactor: Any, slot: int) -> None:
        self.slot = slot  # or SPARE
        self.state = "booting"
        self.pid = 0
        self.outstanding: deque[bytes] = deque()
        self.deferred: set[bytes] = set()  # jobs that wait for a Deferred of theirs
        self.ended: list[tuple[bytes, Ending, str]] = []
        self.has_news = False  # it has committed something that no pass has seen
        # Jobs of which nothing is left to do but to retire them, and when they were completed.
        self.completed: dict[bytes, int] = {}
        self.jobs_done = 0
        self.seconds_per_job: float | None = None
        self.job_since = 0.0
        self.taking_back = False
        self.given_back: list[bytes] = []  # returned when it was told to end; no pass has seen it
        self.was_ready = False
        self.progress: Progress | None = None  # what the running job last said
        self.unseen_progress = False  # that no pass has seen
        self.frozen_seconds: float | None = None  # for so long a signal has stopped it
        self._reactor = reactor

    def move_to(self, state: str) -> None:
        """Change the state along the table."""
        assert state in STATES[self.state], f"{self.state} -> {state}"
        self.state = state

    @property
    def place(self) -> str:
        """Where it is, for the log."""
        return "spare" if self.slot == SPARE else f"slot {self.slot}"

    def job_id(self) -> str | None:
        """The id of the job it is at."""
        return hex_oid(self.outstanding[0]) if self.outstanding else None

    def note_ready(self) -> None:
        """It can take jobs."""
        self.was_ready = True
        if self.state == "booting":
            self.move_to("spare" if self.slot == SPARE else "idle")

    def take_slot(self, slot: int) -> None:
        """The spare replaces the child of a slot."""
        self.slot = slot
        if self.state == "spare":
            self.move_to("idle")

    def note_given(self, oids: list[bytes]) -> None:
        """It was given jobs."""
        if not self.outstanding:
            self.job_since = self._reactor.seconds()
        self.outstanding.extend(oids)
        if self.state == "idle":
            self.move_to("busy")

    def note_ended(self, oid: bytes, ending: Ending, seconds: float, detail: str) -> None:
        """It is done with a job, or the job waits for a Deferred."""
        if oid in self.outstanding:
            self.outstanding.remove(oid)
        if ending == Ending.DEFERRED:
            self.deferred.add(oid)
        else:
            self.deferred.discard(oid)
            self.jobs_done += 1
        self.ended.append((oid, ending, detail))
        if ending != Ending.COMPLETED:
            self.has_news = True
        self.progress = None
        self.job_since = self._reactor.seconds()
        before = self.seconds_per_job
        self.seconds_per_job = seconds if before is None else 0.8 * before + 0.2 * seconds
        if not self.outstanding and self.state == "busy":
            self.move_to("idle")

    def note_completed(self, oids: list[bytes], moments: list[int]) -> None:
        """Jobs are completed: committed, with nothing left to do for them."""
        self.completed.update(zip(oids, moments, strict=False))

    def note_progress(self, progress: Progress) -> None:
        """The job it is at has reported."""
        if self.outstanding:
            self.progress = progress
            self.unseen_progress = True

    def note_returned(self, oids: list[bytes]) -> None:
        """It has given jobs back that it had not begun."""
        for oid in oids:
            self.outstanding.remove(oid)
        if not self.outstanding and self.state == "busy":
            self.move_to("idle")
