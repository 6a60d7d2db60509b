"""Messages between the reactor and the database thread about a poll pass: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from zcasync.liveness.death import Death
from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Completion
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.zeo.bulk_load import ReadAhead


@dataclass
class SlotReport:
    """The state of one slot, and what happened in it since the last pass; a pass only reads it."""

    ready: bool = False  # it can be given jobs
    room: int = 0  # so many more jobs may be claimed for it
    outstanding: frozenset[bytes] = frozenset()  # the jobs assigned to its child
    deferred: frozenset[bytes] = frozenset()  # those of them that wait for a Deferred
    completed: dict[bytes, Completion] = field(default_factory=dict)  # reported by it: oid -> when
    unreadable: dict[bytes, str] = field(default_factory=dict)  # for it: oid -> why
    returned: list[bytes] = field(default_factory=list)  # revoked, not begun
    deaths: list[tuple[Death, bool]] = field(default_factory=list)  # with: idle


@dataclass
class PassInput:
    """The task of a pass."""

    slots: dict[int, SlotReport] = field(default_factory=dict)
    reactor: SlotReport = field(default_factory=SlotReport)
    progress: dict[bytes, Progress] = field(default_factory=dict)  # to be stored
    cancelled: dict[bytes, str] = field(default_factory=dict)  # oid -> who
    has_changes: bool = False  # a child has committed, or is gone: the pass has to see it
    heard: frozenset[bytes] = frozenset()  # oids that were written with what has woken it
    ahead: ReadAhead | None = None  # the records that were asked for then
    is_last: bool = False  # there is no pass after this one

    def slot(self, number: int) -> SlotReport:
        """Return the report of a slot, made now where there is none."""
        return self.slots.setdefault(number, SlotReport())

    def without(self, oid: bytes) -> PassInput:
        """Return the same task without what is wished about one job."""
        cancelled = {each: who for each, who in self.cancelled.items() if each != oid}
        progress = {each: report for each, report in self.progress.items() if each != oid}
        return replace(self, cancelled=cancelled, progress=progress)


@dataclass(frozen=True)
class HandOut:
    """The jobs that can begin once the claims of a pass are committed."""

    slots: dict[int, list[bytes]] = field(default_factory=dict)  # for the child of each slot
    reactor: list[bytes] = field(default_factory=list)
    thread_size: int = 0  # so many children there are to be

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


@dataclass
class PassResult:
    """The outcome of a pass, and what is to be done now."""

    claimed: int = 0
    retired: int = 0
    hand_out: HandOut = field(default_factory=HandOut)
    schedule: Schedule = field(default_factory=Schedule)
    # What a later pass is to retire, as the children have reported it: slot -> oid -> when.
    unretired: dict[int, dict[bytes, Completion]] = field(default_factory=dict)
    cancelled: list[bytes] = field(default_factory=list)  # have ended
    dropped: list[bytes] = field(default_factory=list)  # whose Deferreds are not wanted any more
    held: ClaimsSnapshot | None = None  # by the engine
    log: list[str] = field(default_factory=list)  # lines for the operator
    # known when it is committed:
    own: bytes | None = None  # the id of the transaction that it has written
    last: bytes | None = None  # that of the last one that it knows of
    conflicts: int = 0  # commits that were refused before
