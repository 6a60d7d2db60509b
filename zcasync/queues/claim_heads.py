"""ClaimHeads: the first entries of lanes in the order in which a claim examines them."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any

from zcasync.queues.absent import Looks
from zcasync.queues.entry import Entry
from zcasync.queues.heads import heads
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.priority import Precedence
from zcasync.zeo.bulk_load import load_all

#: The number of entries, only to be filed, that are loaded with one request.
FILED_AT_ONCE = 100


class ClaimHeads:
    """The first entries of inboxes and trees, in the order in which to examine them.

    The due one with the lowest rank comes first, of several the oldest: without priorities that is
    the oldest of all.  An entry of an inbox whose time has not come is only to be filed; it takes
    turns with the due ones, because due ones of the same lane may be behind it.
    """

    def __init__(
        self,
        now: int,
        lanes: list[Lane],
        worker: bytes,
        looks: Looks,
        admits: Callable[[tuple[str, ...]], bool],
        before: Precedence | None = None,
    ) -> None:
        self._now = now
        self._before = before
        self._due: list[tuple[int, int, bool, int, Lane, Entry]] = []
        self._held: deque[tuple[Lane, Entry]] = deque()
        self._ties = itertools.count()
        self._is_turn_of_held = False
        for lane in lanes:
            for entry in heads(lane, worker, looks, admits):
                self.add(lane, entry)

    def __bool__(self) -> bool:
        return bool(self._due or self._held)

    def add(self, lane: Lane, entry: Entry) -> None:
        """Add an entry; one of a tree only when it is due, for else nothing in the tree is.

        None that does not go before what the claim is to go before, if anything.
        """
        in_inbox = entry.page is not None
        due = entry.due if entry.due <= self._now else entry.ready(self._now)
        if due <= self._now:
            rank = lane.rank(due)
            if self._before is None or rank < self._before.rank:
                heapq.heappush(self._due, (rank, due, in_inbox, next(self._ties), lane, entry))
        elif in_inbox:
            self._held.append((lane, entry))

    def pop(self) -> tuple[Lane, Entry]:
        """Remove and return the next entry, with its lane."""
        self._is_turn_of_held = not self._is_turn_of_held
        if self._held and (self._is_turn_of_held or not self._due):
            return self._held.popleft()
        return heapq.heappop(self._due)[4:]


class HeldLoader:
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


def load_likely(queue: LaneHolder, lanes: list[Lane], limit: int) -> None:
    """Load all that is likely to be claimed with one request, instead of one by one."""
    if queue._p_jar is None:
        return
    likely: list[bytes] = []
    urgency = attrgetter("priority")
    for _, group in itertools.groupby(sorted(lanes, key=urgency), key=urgency):
        if len(likely) >= limit:
            break  # what is less urgent is not
        some = list(group)
        # The oldest of all lanes; of very many lanes one or two of each will do.
        share = min(limit, max(2, 2 * limit // len(some)))
        firsts = (entry for lane in some for entry in itertools.islice(lane.unread(), share))
        oldest = heapq.nsmallest(2 * limit, firsts, key=itemgetter(0))
        likely += [partial._p_oid for _, partial in oldest]
    load_all(queue._p_jar, likely[: 2 * limit])
