"""Lanes: the records in which partials wait, so laid out that no two processes write the same one.

A lane has two sides.  The *inbox* is a chain of pages to which one client connection appends and
which no other process writes; it refers to its last page, so that an append does not walk along the
chain.  The :class:`Lane` itself is the claimers' side: how far they have read, and trees of the
partials that they passed by because they are not due or another worker must run them.  One engine
at a time claims from a lane; which one is only a hint (``owner``), safety comes from the conflict
on the Lane's record.  Nothing here needs conflict resolution by the storage server, except the
plain BTree that lists the lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from BTrees.LLBTree import LLBTree
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.utils import z64

from zcasync import clock
from zcasync.job.field_types import Checked
from zcasync.job.record import PartialRecord
from zcasync.queues import field_types
from zcasync.queues.held import count_later
from zcasync.unpublished import Unpublished

#: A put rewrites the last page, so pages are short; figures in docs/performance.rst.
PAGE_SIZE = 10
#: Pages that are filled in one transaction may be longer.
BULK_PAGE_SIZE = 500
#: Key of the tree in ``Lane.filed`` for records that cannot be loaded: a restriction that no worker
#: meets, in the form of the others, because keys of one BTree have to be comparable.
BROKEN = ((b"broken",), ())

Restriction = tuple[Any, ...]
#: A change of ``Lane.gone_held`` drops no more than this many keys that are past.
FORGET_LIMIT = 100


class Page(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Up to a few hundred entries: a partial and its due time, as distance from ``base``."""

    _field_types = field_types.PAGE
    base = 0
    start = 0  # how many entries the lane's earlier pages had
    held = 0  # how many of those were for later when their page was full
    next: Page | None = None
    closed = False  # the lane was dropped: append no more

    def __init__(self, start: int = 0) -> None:
        self.dues: list[int] = []
        self.partials: list[PartialRecord] = []
        if start:
            self.start = start

    def append(self, due: int, partial: PartialRecord) -> None:
        """Add an entry at the end."""
        if not self.partials:
            self.base = due
        self.dues.append(due - self.base)
        self.partials.append(partial)
        self._p_changed = True

    @property
    def end(self) -> int:
        """The number of entries of the lane up to the end of this page."""
        return self.start + len(self.partials)

    def begin_next(self) -> Page:
        """Return a new page, which follows this one."""
        following, now = Page(self.end), clock.now()
        held = self.held + sum(self.base + due > now for due in self.dues)
        if held:
            following.held = held
        self.next = following
        return following


class Inbox(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The client's side of a lane: where it appends.  Written once a page, by the client alone."""

    _field_types = field_types.INBOX

    def __init__(self, page: Page) -> None:
        self.last = page

    def extend(self, page_size: int) -> Page:
        """Return a page with room; ``page_size`` counts for pages new in this transaction."""
        page = self.last
        if len(page.partials) >= (PAGE_SIZE if page._p_serial != z64 else page_size):
            page = self.last = page.begin_next()
        return page


@dataclass(frozen=True)
class Entry(Unpublished):
    """A place in a lane: in its inbox (``page``) or in one of its trees (``key``)."""

    due: int
    partial: PartialRecord
    page: Page | None = None
    index: int = 0
    restriction: Restriction = ()
    key: tuple[int, int] = (0, 0)


class Lane(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The claimers' side of a lane."""

    _field_types = field_types.LANE
    owner: bytes | None = None  # engineUUID that claimed here last: others let it go first
    index = 0
    seq = 0
    gone = 0  # entries that are still there although their partial no longer waits
    gone_held: Any = None  # LLBTree: due time -> how many of those, while it has not come
    deadlines: Any = None  # OOBTree: (begin_by as a moment, seq) -> filed partial
    filed: Any = None  # OOBTree: restriction -> OOBTree: (due, seq) -> partial
    filed_count: int | None = None  # in all trees; None: not counted yet
    closed = False  # the lane was dropped: whoever files a partial here meanwhile conflicts
    page_index: Any = None  # PageIndex: the client's notes of its pages

    def __init__(self) -> None:
        self.page = Page()
        self.inbox = Inbox(self.page)

    def next_in_inbox(self) -> Entry | None:
        """Return the first entry that has not been read; write nothing."""
        page, index = self.page, self.index
        while index >= len(page.partials):
            if page.next is None:
                return None
            page, index = page.next, 0
        return Entry(page.base + page.dues[index], page.partials[index], page, index)

    def upcoming(self, limit: int) -> list[PartialRecord]:
        """Return up to ``limit`` of the next partials of the inbox."""
        return [partial for _, partial in islice(self.unread(), limit)]

    def first_filed(self, restriction: Restriction) -> Entry | None:
        """Return the earliest entry of one tree; None: it is empty."""
        tree = self.filed[restriction]
        if not tree:
            return None
        key = tree.minKey()
        return Entry(key[0], tree[key], None, 0, restriction, key)

    def following(self, entry: Entry) -> Entry | None:
        """Return the entry that comes after one that was dropped; None: none does."""
        if entry.page is not None:
            return self.next_in_inbox()
        return self.first_filed(entry.restriction) if entry.restriction in self.filed else None

    @property
    def restrictions(self) -> list[Restriction]:
        """The keys of the trees, without the one for broken records."""
        return [] if self.filed is None else [key for key in self.filed if key != BROKEN]

    def drop(self, entry: Entry) -> None:
        """Pass over the first entry of the inbox, or remove an entry from its tree.

        Writes the lane's own record in any case: what is dropped later cannot be brought back into
        it by an undo.
        """
        if entry.page is not None:
            self.page, self.index = entry.page, entry.index + 1
        else:
            self.seq += 1
            self.filed_count = self.count_filed() - 1
            tree = self.filed[entry.restriction]
            del tree[entry.key]
            if not tree:
                del self.filed[entry.restriction]

    def file(self, due: int, partial: PartialRecord, restriction: Restriction) -> None:
        """Keep a partial in the tree of a restriction, by its due time (microseconds)."""
        if self.filed is None:
            self.filed = OOBTree()
        tree = self.filed.get(restriction)
        if tree is None:
            tree = self.filed[restriction] = OOBTree()
        self.seq += 1
        self.filed_count = self.count_filed() + 1
        tree[(due, self.seq)] = partial
        if restriction != BROKEN and partial.deadline is not None and not partial.was_begun:
            if self.deadlines is None:
                self.deadlines = OOBTree()
            self.deadlines[(partial.deadline, self.seq)] = partial

    def take_broken(self) -> list[tuple[int, PartialRecord]]:
        """Remove the broken records, and return them with their due times."""
        tree = (self.filed or {}).get(BROKEN, {})
        if tree:
            self.filed_count = self.count_filed() - len(tree)
            del self.filed[BROKEN]
        return [(due, partial) for (due, _), partial in tree.items()]

    def take_expired(self, now: int) -> PartialRecord | None:
        """Remove a deadline that has passed; return its partial, of any worker.  None: none has."""
        if not self.deadlines:
            return None
        key = self.deadlines.minKey()
        return self.deadlines.pop(key) if key[0] < now else None  # type: ignore[no-any-return]

    def count_gone(self, due: int, now: int, count: int = 1) -> None:
        """Count this many more entries, of any lane, whose partial no longer waits."""
        self.gone += count
        held = self.gone_held
        if held is not None:
            for past in list(islice(held.keys(None, now), FORGET_LIMIT)):
                del held[past]
        if due <= now:
            return
        if held is None:
            held = self.gone_held = LLBTree()
        total = held.get(due, 0) + count
        if total:
            held[due] = total
        else:
            del held[due]

    def count(self) -> int:
        """Return the number of partials that wait here."""
        unread = self.inbox.last.end - self.page.start - self.index
        return unread + self.count_filed() - self.gone

    def count_filed(self) -> int:
        """Return the number of entries in the trees."""
        trees = (self.filed or {}).values()
        return sum(map(len, trees)) if self.filed_count is None else self.filed_count

    def count_held(self, now: int) -> int:
        """Return the number of partials that wait here for a time after ``now``."""
        gone = 0 if self.gone_held is None else sum(self.gone_held.values(now + 1))
        # Below 0 where the gone are in other lanes.
        return self._count_held_unread(now) + self._count_held_filed(now) - gone

    def _count_held_unread(self, now: int) -> int:
        """Walk along the pages only where something for later was put since the first one."""
        last = self.inbox.last
        if self.page is last or last.held > self.page.held:
            return sum(due > now for due, _ in self.unread())
        return sum(last.base + due > now for due in last.dues)

    def _count_held_filed(self, now: int) -> int:
        trees = [self.filed[restriction] for restriction in self.restrictions]
        return count_later(trees, now, self.count_filed() - len((self.filed or {}).get(BROKEN, ())))

    def unread(self) -> Iterator[tuple[int, PartialRecord]]:
        """Yield the inbox's (due, partial) pairs as they were put; load a page at a time."""
        page: Page | None = self.page
        index = self.index
        while page is not None:
            for offset in range(index, len(page.partials)):
                yield page.base + page.dues[offset], page.partials[offset]
            page, index = page.next, 0

    def close(self) -> None:
        """Let nothing more come, from a client or from an engine that gives something back."""
        self.closed = self.inbox.last.closed = True

    def is_empty(self) -> bool:
        """Return whether nothing is left to read here."""
        return self.next_in_inbox() is None and not self.filed


class LaneHolder(Protocol):
    """The interface of a queue to the code that works on its lanes."""

    _p_jar: Any
    _p_oid: Any

    def lanes(self) -> Mapping[bytes, Lane]:
        """Return the lanes by key."""

    def lane(self, key: bytes) -> Lane:
        """Return the lane with this key, made now where there is none."""

    def waits(self, partial: Any, due: int) -> bool:
        """Return whether an entry is true: its partial waits here, for this time."""

    def has_callbacks_left(self, partial: Any, due: int) -> bool:
        """Return whether an entry means that callbacks are left to be run, since this time."""


def restriction_of(partial: PartialRecord) -> Restriction:
    """Return the key of the tree that a partial belongs in."""
    selected, excluded = partial.restriction
    return (selected, excluded) if selected or excluded else ()


def allows(restriction: Restriction, worker: bytes) -> bool:
    """Return whether the worker may run the partials of a tree."""
    if not restriction:
        return True
    selected, excluded = restriction
    return worker not in excluded and (not selected or worker in selected)
