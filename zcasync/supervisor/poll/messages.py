"""What the reactor and the database thread tell each other about a poll pass: plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zcasync.liveness.death import Death
from zcasync.perform.progress import Progress
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.zeo.bulk_load import ReadAhead


@dataclass
class SlotReport:
    """The state of one slot, and what happened in it since the last pass."""

    ready: bool = False  # it can be given jobs
    room: int = 0  # so many more jobs may be claimed for it
    outstanding: frozenset[bytes] = frozenset()  # what its child has in hand
    deferred: frozenset[bytes] = frozenset()  # those of them that wait for a Deferred
    completed: dict[bytes, int] = field(default_factory=dict)  # says the child: oid -> when
    over: frozenset[bytes] = frozenset()  # those of them that this pass does not retire
    unreadable: dict[bytes, str] = field(default_factory=dict)  # for the child: oid -> why
    returned: list[bytes] = field(default_factory=list)  # taken back, not begun
    deaths: list[tuple[Death, bool]] = field(default_factory=list)  # with: idle


@dataclass
class PassInput:
    """What a pass is to do."""

    slots: dict[int, SlotReport] = field(default_factory=dict)
    reactor: SlotReport = field(default_factory=SlotReport)
    progress: dict[bytes, Progress] = field(default_factory=dict)  # to be noted
    cancelled: dict[bytes, str] = field(default_factory=dict)  # oid -> who
    news: bool = False  # a child has committed, or is gone: the pass has to see it
    heard: frozenset[bytes] = frozenset()  # oids that were written with what has woken it
    ahead: ReadAhead | None = None  # the records that were asked for then
    is_last: bool = False  # there is no pass after this one
    # Called in some thread as soon as what the pass has claimed is committed, where one can know
    # that before the pass is over.
    committed: Callable[[PassResult], None] = lambda done: None

    def slot(self, number: int) -> SlotReport:
        """The work of a slot, made when there is none yet."""
        return self.slots.setdefault(number, SlotReport())


@dataclass
class PassResult:
    """What a pass did, and what is to be done now."""

    hand_out: dict[int, list[bytes]] = field(default_factory=dict)
    start: list[bytes] = field(default_factory=list)  # reactor jobs
    is_handed_out: bool = False
    thread_size: int = 0
    delay: float = 5.0  # until the next pass, seconds
    watched: frozenset[bytes] = frozenset()  # oids: one that is written means news
    for_reactor: frozenset[bytes] = frozenset()  # those of them that mean a reactor job
    own: bytes | None = None  # the id of the transaction that it has written
    last: bytes | None = None  # that of the last one that it knows of
    claimed: int = 0
    retired: int = 0
    # What a later pass is to retire, as the children have said it: slot -> oid -> when.
    unretired: dict[int, dict[bytes, int]] = field(default_factory=dict)
    conflicts: int = 0  # tries that were refused before it committed
    cancelled: list[bytes] = field(default_factory=list)  # are over
    dropped: list[bytes] = field(default_factory=list)  # whose Deferreds nobody wants any more
    notes: list[str] = field(default_factory=list)  # for the log
    held: ClaimsSnapshot | None = None  # by the engine, once this is committed
