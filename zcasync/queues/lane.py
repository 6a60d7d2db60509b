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

from collections.abc import Iterator
from itertools import islice
from typing import Any

from BTrees.LLBTree import LLBTree
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from ZODB.utils import z64

from zcasync import clock
from zcasync.job.field_types import Checked
from zcasync.job.record import PartialRecord
from zcasync.queues import field_types
from zcasync.queues.absent import moments
from zcasync.queues.entry import Entry
from zcasync.queues.priority import rank
from zcasync.queues.restriction import BROKEN, Restriction, is_absent
from zcasync.unpublished import Unpublished

#: A put rewrites the last page, so pages are short; figures in docs/performance.rst.
PAGE_SIZE = 10
#: Pages that are filled in one transaction may be longer.
BULK_PAGE_SIZE = 500
#: A change of ``Lane.gone_held`` drops no more than this many keys that are past.
FORGET_LIMIT = 100


class Page(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Up to a few hundred entries: a partial and its due time, as distance from ``base``.

    ``timed`` has a bit, by the number of the entry, for each that is not due at once, ``relative``
    for each with times that count from its put.
    """

    _field_types = field_types.PAGE
    base = 0
    timed = relative = 0
    start = 0  # how many entries the lane's earlier pages had
    held = 0  # how many of those are not due at once
    next: Page | None = None
    closed = False  # the lane was dropped: append no more

    def __init__(self, start: int = 0) -> None:
        self.dues: list[int] = []
        self.partials: list[PartialRecord] = []
        if start:
            self.start = start

    def append(self, partial: PartialRecord) -> None:
        """Add an entry at the end."""
        due = partial.due
        if not self.partials:
            self.base = due
        if not partial.is_at_once:
            self.timed |= 1 << len(self.partials)
        if partial.has_times_to_settle:
            self.relative |= 1 << len(self.partials)
        self.dues.append(due - self.base)
        self.partials.append(partial)
        self._p_changed = True

    def is_at_once(self, index: int) -> bool:
        """Return whether an entry is due at once; one of a page without ``timed`` may be not."""
        return not self.timed >> index & 1

    def count_held(self, first: int, now: int) -> int:
        """Return the number of entries, from ``first`` on, that are for a time after ``now``."""
        return sum(
            self.base + self.dues[index] > now and not self.is_at_once(index)
            for index in range(first, self.timed.bit_length())
        )

    @property
    def end(self) -> int:
        """The number of entries of the lane up to the end of this page."""
        return self.start + len(self.partials)

    def begin_next(self) -> Page:
        """Return a new page, which follows this one."""
        following = Page(self.end)
        held = self.held + self.timed.bit_count()
        if held:
            following.held = held
        self.next = following
        return following


class Inbox(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The client's side of a lane: where it appends.  Written once a page, by the client alone.

    ``written``: when that was, by the client's clock; None: by an earlier version.
    """

    _field_types = field_types.INBOX
    written: int | None = None

    def __init__(self, page: Page) -> None:
        self.last = page

    def __getstate__(self) -> tuple[Page, int]:
        """Return what is stored: a pair, which with the time takes no more than a dict without."""
        return self.last, clock.now()

    def __setstate__(self, state: tuple[Page, int] | dict[str, Page]) -> None:
        """Take what was stored, by an earlier version a dict."""
        given = state if isinstance(state, dict) else {"last": state[0], "written": state[1]}
        self.__dict__.update(given)

    def extend(self, page_size: int) -> Page:
        """Return a page with room; ``page_size`` counts for pages new in this transaction."""
        page = self.last
        if len(page.partials) >= (PAGE_SIZE if page._p_serial != z64 else page_size):
            page = self.last = page.begin_next()
        return page


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
    priority = 0  # of all that waits here

    def __init__(self, priority: int = 0) -> None:
        self.page = Page()
        self.inbox = Inbox(self.page)
        if priority:
            self.priority = priority

    def rank(self, moment: int) -> int:
        """Return the rank, the lowest first, of what waits here since (or until) this moment."""
        return rank(moment, self.priority)

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

    def note_owner(self, engine: bytes | None) -> None:
        """Note the engine that claims here; None: one without an engine does."""
        if engine is not None and self.owner != engine:
            self.owner = engine

    def following(self, entry: Entry) -> Entry | None:
        """Return the entry that comes after one that was dropped; None: none does."""
        if entry.page is not None:
            return self.next_in_inbox()
        return self.first_filed(entry.restriction) if entry.restriction in self.filed else None

    @property
    def restrictions(self) -> list[Restriction]:
        """The keys of the trees from which workers take what they may run."""
        return [key for key in self.filed or () if key != BROKEN and not is_absent(key)]

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
        for moment in moments(partial, restriction) if restriction != BROKEN else ():
            self.note_deadline(moment, partial)

    def note_deadline(self, moment: int, partial: PartialRecord) -> None:
        """Let a claimer look at a filed partial behind this moment, microseconds."""
        if self.deadlines is None:
            self.deadlines = OOBTree()
        self.deadlines[(moment, self.seq)] = partial

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

    def unread(self) -> Iterator[tuple[int, PartialRecord]]:
        """Yield the inbox's (due, partial) pairs as they were put; load a page at a time."""
        for page, index in self.unread_pages():
            for number in range(index, len(page.partials)):
                yield page.base + page.dues[number], page.partials[number]

    def unread_pages(self) -> Iterator[tuple[Page, int]]:
        """Yield the inbox's pages, with the number of the first entry that has not been read."""
        page: Page | None = self.page
        index = self.index
        while page is not None:
            yield page, index
            page, index = page.next, 0

    def close(self) -> None:
        """Let nothing more come, from a client or from an engine that gives something back."""
        self.closed = self.inbox.last.closed = True

    def is_empty(self) -> bool:
        """Return whether nothing is left to read here."""
        return self.next_in_inbox() is None and not self.filed
