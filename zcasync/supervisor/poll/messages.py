"""Messages between the reactor and the database thread about a poll pass: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from zcasync.job.aside import Missing
from zcasync.job.conflict_counts import ObjectConflicts
from zcasync.liveness.death import Death
from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Completion
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.zeo.bulk_load import ReadAhead


@dataclass
class SlotReport:
    """The state of one slot, and what happened in it since the last pass; a pass only reads it."""

    ready: bool = False  # it can be given jobs
    asks: bool = False  # it cannot yet, and is to be told when one is due
    room: int = 0  # so many more jobs may be claimed for it
    may_overtake: bool = False  # though there is no room: what is more urgent than the next one
    outstanding: frozenset[bytes] = frozenset()  # the jobs assigned to its child
    deferred: frozenset[bytes] = frozenset()  # those of them that wait for a Deferred
    running: bytes | None = None  # the one of them that has run for a while
    completed: dict[bytes, Completion] = field(default_factory=dict)  # reported by it: oid -> when
    unreadable: dict[bytes, str] = field(default_factory=dict)  # for it: oid -> why
    returned: list[bytes] = field(default_factory=list)  # revoked, not begun
    deaths: list[tuple[Death, bool]] = field(default_factory=list)  # with: idle


@dataclass(frozen=True)
class Wish:
    """A wish from outside about one job; ``who`` has cancelled it, None: to note its progress."""

    oid: bytes
    who: str | None = None

    @property
    def is_cancel(self) -> bool:
        """True for a cancel."""
        return self.who is not None

    def __str__(self) -> str:
        return f"the cancel by {self.who}" if self.is_cancel else "a note of the progress"


@dataclass
class PassInput:
    """The task of a pass."""

    slots: dict[int, SlotReport] = field(default_factory=dict)
    reactor: SlotReport = field(default_factory=SlotReport)
    progress: dict[bytes, Progress] = field(default_factory=dict)  # to be stored
    conflicts: list[ObjectConflicts] = field(default_factory=list)  # the same
    cancelled: dict[bytes, str] = field(default_factory=dict)  # oid -> who
    absent: dict[bytes, Missing] = field(default_factory=dict)  # jobs that lack code: oid -> what
    has_doubts: bool = False  # passes have failed, perhaps for what is cancelled
    has_changes: bool = False  # a child has committed, or is gone: the pass has to see it
    heard: frozenset[bytes] = frozenset()  # oids that were written with what has woken it
    ahead: ReadAhead | None = None  # the records that were asked for then
    is_last: bool = False  # there is no pass after this one

    def slot(self, number: int) -> SlotReport:
        """Return the report of a slot, made now where there is none."""
        return self.slots.setdefault(number, SlotReport())

    def last_cancel(self) -> Wish:
        """Return the cancel that came last."""
        return Wish(*next(reversed(self.cancelled.items())))

    def without(self, wish: Wish) -> PassInput:
        """Return the same task without one wish; another one about the same job stays."""
        oid = wish.oid
        if wish.is_cancel:
            left = {each: who for each, who in self.cancelled.items() if each != oid}
            return replace(self, cancelled=left)
        notes = {each: note for each, note in self.progress.items() if each != oid}
        return replace(self, progress=notes)


@dataclass(frozen=True)
class HandOut:
    """The jobs that can begin once the claims of a pass are committed."""

    slots: dict[int, list[bytes]] = field(default_factory=dict)  # for the child of each slot
    reactor: list[bytes] = field(default_factory=list)
    unchecked: frozenset[bytes] = frozenset()  # those of them that a child has to load first
    thread_size: int = 0  # so many children there are to be
    #: By slot, the order of all that its child has then, where that is not the new ones last.
    orders: dict[int, list[bytes]] = field(default_factory=dict)

    @property
    def has_jobs(self) -> bool:
        """True while there are any."""
        return bool(self.slots or self.reactor)


@dataclass(frozen=True)
class Schedule:
    """The time of the next pass."""

    delay: float = 5.0  # at the latest, seconds
    watched: frozenset[bytes] = frozenset()  # at once where one of these oids is written
    for_reactor: frozenset[bytes] = frozenset()  # those of them that mean a reactor job
    reactor_job_is_due: bool = False  # which was asked for


@dataclass
class PassResult:
    """The outcome of a pass, and what is to be done now."""

    claimed: int = 0
    retired: int = 0
    ticked: int = 0  # jobs that schedules have put
    hand_out: HandOut = field(default_factory=HandOut)
    schedule: Schedule = field(default_factory=Schedule)
    # What a later pass is to retire, as the children have reported it: slot -> oid -> when.
    unretired: dict[int, dict[bytes, Completion]] = field(default_factory=dict)
    cancelled: list[bytes] = field(default_factory=list)  # have ended
    over: dict[int, bytes] = field(default_factory=dict)  # slot -> the job that runs in spite of it
    dropped: list[bytes] = field(default_factory=list)  # whose Deferreds are not wanted any more
    held: ClaimsSnapshot | None = None  # by the engine
    log: list[str] = field(default_factory=list)  # lines for the operator
    # known when it is committed:
    away: str | None = None  # which database that jobs can use is without its server
    clocks: dict[str, Any] | None = None  # those that differ; None: no news
    own: bytes | None = None  # the id of the transaction that it has written
    last: bytes | None = None  # that of the last one that it knows of
    conflicts: int = 0  # commits that were refused before
