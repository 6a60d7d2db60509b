"""Where a client appends: each connection has a lane of its own, so that no two write one page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ZODB.POSException import POSKeyError
from ZODB.utils import z64

from zcasync.lanes import PAGE_SIZE, Lane, Page
from zcasync.partial import Partial

if TYPE_CHECKING:
    from zcasync.queues import PartialQueue

#: The lane that exists from the beginning, so that two first clients do not meet in an empty tree.
FIRST = bytes(16)


@dataclass
class Tail:
    """Which lane a connection appends to, and its last page once that is committed."""

    key: bytes
    page: Page | None = None


#: A connection has one user at a time, so a lane for each has one writer.
_tails: WeakKeyDictionary[Any, dict[bytes, Tail]] = WeakKeyDictionary()


def append(
    queue: PartialQueue, entries: list[tuple[int, Partial]], page_size: int = PAGE_SIZE
) -> None:
    """Append (due time, partial) pairs to the lane of the queue's connection.

    ``page_size``: how long pages may get that are new in this transaction.
    """
    page = _last_page(queue)
    for due, partial in entries:
        if len(page.partials) >= (PAGE_SIZE if page._p_serial != z64 else page_size):
            page.next = Page(page.end)
            page = page.next
        page.append(due, partial)


def own_lane(queue: PartialQueue) -> Lane:
    """The lane of the queue's connection."""
    key = _tail(queue).key
    lane = queue._lanes.get(key)
    if lane is None:
        lane = queue._lanes[key] = Lane()
    return lane  # type: ignore[no-any-return]


def _tail(queue: PartialQueue) -> Tail:
    if queue._p_jar is None:
        return Tail(FIRST)
    tails = _tails.setdefault(queue._p_jar, {})
    return tails.setdefault(queue._p_oid, Tail(uuid.uuid4().bytes))


def _last_page(queue: PartialQueue) -> Page:
    """The page that this connection appends to."""
    tail = _tail(queue)
    page = tail.page
    if page is None or page._p_jar is not queue._p_jar:
        page = own_lane(queue).page
    try:
        page = page.last()
        if page.closed:
            raise POSKeyError(page._p_oid)
    except POSKeyError:  # the lane was given up, perhaps even packed away: start a new one
        tail.key, tail.page = uuid.uuid4().bytes, None
        page = own_lane(queue).page
    if page._p_serial != z64 and page._p_jar is not None:
        tail.page = page  # only what is committed is remembered: an abort cannot mislead us
    return page
