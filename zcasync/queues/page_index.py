"""The index of an inbox: between which times its pages are due, so that most need not be loaded.

Pages are in the order of the puts, and a job that was put last may be due first.  So the client
notes, each time that some pages are full, the earliest and the latest due time of these; where it
has noted many, it notes those of them all in one.  Whoever looks for the first jobs, or the last,
goes from the whole to the one page that has them (see :mod:`zcasync.queues.order`).

Written by the client alone, as the pages are.  It names pages by their oid and refers to none: what
is read can be packed away.  Claims need no index, and a lane without one is read page by page.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from persistent import Persistent
from ZODB.POSException import POSKeyError

from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_bool,
    is_count,
    is_number,
    is_stored,
    list_of,
    needs,
    optional,
    tuple_of,
)
from zcasync.queues.lane import Lane, Page
from zcasync.unpublished import Unpublished

#: Pages are noted when they have so many entries together.
RUN_ENTRIES = 100
#: So many notes are noted in one.
FAN = 16

#: The numbers of the first entry and of the one behind the last, the earliest and the latest due
#: time, microseconds, where to look, the oid of a page or a Stretch, and whether some are at once.
Note = tuple[int, int, int, int, Any, bool]


def _is_oid(value: Any) -> bool:
    return type(value) is bytes and len(value) == 8


def _is_note(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 6 or not all(map(is_number, value[:4])):
        return False
    return (_is_oid(value[4]) or is_stored(value[4])) and is_bool(value[5])


class Stretch(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Notes, in the order of the puts, that are noted in one.  Never written again."""

    _field_types: ClassVar[dict[str, Check]] = {
        "notes": tuple_of(_is_note),
        ALL: needs("notes"),
    }

    def __init__(self, notes: tuple[Note, ...]) -> None:
        self.notes = notes


class PageIndex(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The notes of one inbox: few of single pages, and ever fewer of ever longer stretches."""

    _field_types: ClassVar[dict[str, Check]] = {
        "end": is_count,
        "page": optional(_is_oid),
        "levels": list_of(list_of(_is_note)),
        ALL: needs("levels"),
    }

    end = 0  # the number of the first entry that is not noted
    page: bytes | None = None  # the oid of the page with that entry

    def __init__(self) -> None:
        self.levels: list[list[Note]] = []

    def notes(self) -> list[Note]:
        """Return the notes that are in no other one, in the order of the puts."""
        return [note for level in reversed(self.levels) for note in level]

    def add(self, note: Note, page: bytes) -> None:
        """Add a note of the next pages; ``page``: the oid of the one behind them."""
        self.end, self.page = note[1], page
        self._p_changed = True
        for level in self.levels:
            level.append(note)
            if len(level) < FAN:
                return
            note = _in_one(level, Stretch(tuple(level)))
            level.clear()
        self.levels.append([note])

    def forget(self, read: int) -> None:
        """Drop the first notes, where all is read up to the entry with this number."""
        while self.levels:
            level = self.levels[-1]
            while level and level[0][1] <= read:
                self._p_changed = True
                del level[0]
            if level:
                return
            self._p_changed = True
            self.levels.pop()


def indexed_lane(jar: Any, priority: int = 0) -> Lane:
    """Return a new lane, with an index where there is a database, which this connection is to."""
    lane = Lane(priority)
    if jar is not None:
        lane.page_index = PageIndex()
        lane.page_index.page = _oid(jar, lane.page)
    return lane


def note_page(jar: Any, index: PageIndex, page: Page) -> bool:
    """Note the pages that are not, up to a full one, behind which is another.

    Return False where there are few entries: they are left for later.
    """
    if page.end - index.end < RUN_ENTRIES:
        return False
    for one in _run(jar, index, page):
        if one.next is not None:
            index.add(_note(jar, one), _oid(jar, one.next))
    return True


def pages_of(jar: Any, lane: Lane, start: int, oid: bytes | None) -> Iterator[Page]:
    """Yield the unread pages of a lane from the entry ``start`` on.

    ``oid``: the page with that entry, in this connection's database; not needed where the lane was
    read up to it.
    """
    page: Page | None = lane.page
    if oid is not None and lane.page.start < start:
        page = _page(jar, oid, start) or page
    while page is not None:
        if page.end > start:
            yield page
        page = page.next


def _oid(jar: Any, page: Page) -> bytes:
    if page._p_jar is None:
        jar.add(page)
    return page._p_oid  # type: ignore[no-any-return]


def _page(jar: Any, oid: bytes, start: int) -> Page | None:
    """Return the page with this oid; None where it is not the one that begins with ``start``."""
    try:
        page = jar.get(oid)
        return page if isinstance(page, Page) and page.start == start else None
    except POSKeyError:
        return None


def _run(jar: Any, index: PageIndex, last: Page) -> list[Page]:
    """Return the pages that are not noted, up to ``last``; that alone where the others are gone."""
    page = None if index.page is None else _page(jar, index.page, index.end)
    run = []
    while page is not None:
        run.append(page)
        if page is last:
            return run
        page = page.next
    return [last]


def _note(jar: Any, page: Page) -> Note:
    low, high = page.base + min(page.dues), page.base + max(page.dues)
    has_at_once = page.timed.bit_count() < len(page.partials)
    return page.start, page.end, low, high, _oid(jar, page), has_at_once


def _in_one(notes: list[Note], where: Any) -> Note:
    low, high = min(note[2] for note in notes), max(note[3] for note in notes)
    return notes[0][0], notes[-1][1], low, high, where, any(note[5] for note in notes)
