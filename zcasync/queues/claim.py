"""The claim: the waiting partials that a worker takes next, over all lanes of a queue."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any

from zcasync import clock
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord, protect
from zcasync.queues.absent import (
    MOST_LOOKED_FOR,
    Look,
    Looks,
    look_for_nothing,
    name_of,
)
from zcasync.queues.entry import Entry
from zcasync.queues.heads import heads
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.restriction import BROKEN, Restriction, is_absent, restriction_of
from zcasync.queues.settling import is_to_settle, settled
from zcasync.retry.policy import may_begin_once
from zcasync.unpublished import Unpublished
from zcasync.zeo.bulk_load import load_all

#: One claim examines no more entries than this, so that it ends soon in a long queue.
EXAMINE_LIMIT = 1000
#: The number of entries, only to be filed, that are loaded with one request.
FILED_AT_ONCE = 100
#: What another worker may run, and has waited for its code too long, is looked at again after this.
LOOK_AGAIN_MICROSECONDS = 3600 * 1_000_000


class Access(IntEnum):
    """A claimer's access to a lane; True counts as NOW, False as NO."""

    NO = 0
    NOW = 1
    IF_IDLE = 2  # only where the other lanes do not fill the claim


@dataclass
class Claimed(Unpublished):
    """The result of one claim: partials to run; records that cannot be loaded, with the reason."""

    partials: list[PartialRecord] = field(default_factory=list)
    broken: list[tuple[PartialRecord, str]] = field(default_factory=list)
    examined: int = 0
    seen: set[int] = field(default_factory=set)  # one partial can have two entries
    passed_by: list[PartialRecord] = field(default_factory=list)  # whose place could be undone
    last_filed: dict[int, PartialRecord] = field(default_factory=dict)  # by lane, from its inbox
    looked_for: dict[str, PartialRecord] = field(default_factory=dict)  # missing name -> with which
    is_barred: bool = False  # by a partial that has to wait for a child without jobs

    def wants_more(self, limit: int) -> bool:
        """Return whether to examine more entries when up to ``limit`` partials are wanted."""
        return len(self.partials) < limit and self.examined < EXAMINE_LIMIT and not self.is_barred

    def may_look(self, key: Restriction, looks: Looks) -> bool:
        """Return whether to take one more partial from this tree."""
        if not is_absent(key) or looks(key) == Look.ALL:
            return True
        name = name_of(key)
        return name not in self.looked_for and len(self.looked_for) < MOST_LOOKED_FOR

    def add(self, partial: PartialRecord) -> None:
        """Add a partial to run."""
        self.partials.append(partial)
        self.seen.add(id(partial))


def claim(
    queue: LaneHolder,
    worker: bytes,
    limit: int,
    engine: bytes | None,
    polite: Callable[[bytes, Lane], int],
    idle: int | None,
    ahead: Callable[[Lane], int],
    looks: Looks = look_for_nothing,
) -> Claimed:
    """Claim due partials.  See ``PartialQueue.claim``."""
    claimed = Claimed()
    access: dict[int, list[Lane]] = {Access.NO: [], Access.NOW: [], Access.IF_IDLE: []}
    for key, lane in queue.lanes().items():
        access[polite(key, lane)].append(lane)
    for lanes in (access[Access.NOW], access[Access.IF_IDLE]):
        if lanes and claimed.wants_more(limit):
            _claim_from(queue, lanes, worker, limit, engine, idle, ahead, claimed, looks)
    # What has put them there, or ended them outside a claim, cannot be undone any more: their lanes
    # have been read on.  Of an inbox the last one is enough: each put behind another one has
    # written the page of that again, and is undone first.
    protect([*claimed.passed_by, *claimed.last_filed.values()])
    return claimed


def _claim_from(
    queue: LaneHolder,
    lanes: list[Lane],
    worker: bytes,
    limit: int,
    engine: bytes | None,
    idle: int | None,
    ahead: Callable[[Lane], int],
    claimed: Claimed,
    looks: Looks,
) -> None:
    """Claim from these lanes, oldest first."""
    now = clock.now()
    for lane in lanes:
        _take_expired(queue, lane, worker, now, limit, claimed)
    _load_likely(queue, lanes, limit)
    first, held = _Heads(now, lanes, worker, looks), _Held(queue._p_jar)
    while first and claimed.wants_more(limit):
        lane, entry = first.pop()
        if not claimed.may_look(entry.restriction, looks):
            continue
        if entry.due > now:
            held.load(entry)
        is_prefetch = idle is not None and len(claimed.partials) >= idle
        to_settle = is_to_settle(queue, entry)
        fate = _fate(queue, entry, worker, now, claimed)
        if is_prefetch and (to_settle or fate == Fate.TAKEN):
            # It is not passed by: what is behind it would keep children from ever being idle.
            # Nor is it changed: its entry has its times.
            claimed.is_barred = may_begin_once(entry.partial)
            if claimed.is_barred:
                return
        if to_settle:
            entry = settled(entry, now, ahead(lane))
            fate = _fate(queue, entry, worker, now, claimed)
        claimed.examined += 1
        lane.drop(entry)
        _apply(lane, entry, fate, now, claimed)
        lane.note_owner(engine)
        if (following := lane.following(entry)) is not None:
            first.add(lane, following)


class _Heads:
    """The first entries of inboxes and trees, in the order in which to examine them.

    The oldest due one comes first.  An entry of an inbox whose time has not come is only to be
    filed; it takes turns with the due ones, because due ones of the same lane may be behind it.
    """

    def __init__(self, now: int, lanes: list[Lane], worker: bytes, looks: Looks) -> None:
        self._now = now
        self._due: list[tuple[int, bool, int, Lane, Entry]] = []
        self._held: deque[tuple[Lane, Entry]] = deque()
        self._ties = itertools.count()
        self._is_turn_of_held = False
        for lane in lanes:
            for entry in heads(lane, worker, looks):
                self.add(lane, entry)

    def __bool__(self) -> bool:
        return bool(self._due or self._held)

    def add(self, lane: Lane, entry: Entry) -> None:
        """Add an entry; one of a tree only when it is due, for else nothing in the tree is."""
        in_inbox = entry.page is not None
        due = entry.due if entry.due <= self._now else entry.ready(self._now)
        if due <= self._now:
            heapq.heappush(self._due, (due, in_inbox, next(self._ties), lane, entry))
        elif in_inbox:
            self._held.append((lane, entry))

    def pop(self) -> tuple[Lane, Entry]:
        """Remove and return the next entry, with its lane."""
        self._is_turn_of_held = not self._is_turn_of_held
        if self._held and (self._is_turn_of_held or not self._due):
            return self._held.popleft()
        return heapq.heappop(self._due)[3:]


class _Held:
    """The partials that are only to be filed, loaded many of a page at once, not one by one."""

    def __init__(self, jar: Any) -> None:
        self._jar = jar
        self._loaded: dict[bytes, int] = {}  # by page: up to which entry

    def load(self, entry: Entry) -> None:
        """Load the partial of an inbox's entry together with those behind it."""
        page, index = entry.page, entry.index
        if self._jar is None or page is None or index < self._loaded.get(page._p_oid, 0):
            return
        self._loaded[page._p_oid] = index + FILED_AT_ONCE
        some = page.partials[index : index + FILED_AT_ONCE]
        load_all(self._jar, [partial._p_oid for partial in some])


def _load_likely(queue: LaneHolder, lanes: list[Lane], limit: int) -> None:
    """Load all that is likely to be claimed with one request, instead of one by one."""
    if queue._p_jar is None:
        return
    likely = [partial._p_oid for lane in lanes for partial in lane.upcoming(limit)]
    load_all(queue._p_jar, likely[: 2 * limit])


class Fate(Enum):
    """The fate of an entry that is examined."""

    BROKEN = auto()  # the record of its partial cannot be loaded
    GONE = auto()  # its partial no longer waits here
    FILED = auto()  # not due, or for another worker: to be kept in a tree
    TAKEN = auto()  # claimed


def _fate(queue: LaneHolder, entry: Entry, worker: bytes, now: int, claimed: Claimed) -> Fate:
    """Return the fate of an entry; change nothing."""
    partial = entry.partial
    if broken(partial) is not None:
        return Fate.BROKEN
    is_left = queue.has_callbacks_left(partial, entry.due)
    if id(partial) in claimed.seen or not (is_left or queue.waits(partial, entry.due)):
        return Fate.GONE
    if is_left:
        return Fate.TAKEN
    is_early = entry.due > now and not partial.is_due(now)
    if is_early or not (partial.may_run_on(worker) or partial.is_too_late):
        return Fate.FILED
    return Fate.TAKEN


def _apply(lane: Lane, entry: Entry, fate: Fate, now: int, claimed: Claimed) -> None:
    """File, claim or forget an entry, which was taken from its place, by its fate."""
    if fate == Fate.BROKEN:
        lane.file(entry.due, entry.partial, BROKEN)
        claimed.broken.append((entry.partial, broken(entry.partial) or ""))
    elif fate == Fate.GONE:
        lane.count_gone(0 if entry.is_at_once else entry.due, now, -1)
        if isinstance(entry.partial, PartialRecord) and entry.partial.state != ACTIVE:
            claimed.passed_by.append(entry.partial)
    elif fate == Fate.FILED:
        if entry.page is not None:
            claimed.last_filed[id(lane)] = entry.partial
        lane.file(entry.due, entry.partial, restriction_of(entry.partial))
    else:
        if entry.partial.state != PENDING:
            lane.count_gone(entry.due, now, -1)  # it was not counted as one that waits
        claimed.add(entry.partial)
        if is_absent(entry.restriction):
            claimed.looked_for.setdefault(name_of(entry.restriction), entry.partial)


def _take_expired(
    queue: LaneHolder, lane: Lane, worker: bytes, now: int, limit: int, claimed: Claimed
) -> None:
    """Claim what has waited for too long, to be ended.

    Partials, of any worker, that were not begun by their ``begin_by``; and those that the worker
    may run and that have waited for their code as long as they may: that may be there at last.
    """
    while claimed.wants_more(limit):
        partial = lane.take_expired(now)
        if partial is None:
            return
        claimed.examined += 1
        if broken(partial) is not None or id(partial) in claimed.seen:
            continue
        waits = queue.waits(partial, partial.due)
        if waits and partial.is_too_late:
            lane.gone += 1  # its entry in a tree is still there
            claimed.add(partial)
        elif partial.is_aside_too_long and (waits or _has_callbacks_left(queue, partial)):
            if partial.may_run_on(worker):
                lane.gone += waits  # callbacks were not counted as waiting
                claimed.add(partial)
            else:
                lane.seq += 1
                lane.note_deadline(now + LOOK_AGAIN_MICROSECONDS, partial)


def _has_callbacks_left(queue: LaneHolder, partial: PartialRecord) -> bool:
    moment = partial.resume_at
    return moment is not None and queue.has_callbacks_left(partial, moment)
