"""The lane that a client appends to: one for each connection, so that no two write one page.

And one for each priority, so that in every lane what was put first goes first.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ZODB.POSException import POSKeyError
from ZODB.utils import z64

from zcasync import clock
from zcasync.job.due_fields import TOLERANCE
from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import PAGE_SIZE, Inbox, Lane, Page
from zcasync.queues.page_index import PageIndex, note_page
from zcasync.zeo.history import compare_at_connect

#: The lane that exists from the beginning, so that two first clients do not meet in an empty tree.
FIRST = bytes(16)


@dataclass
class ClientLane:
    """The key of the lane that a connection appends to, and its inbox once that is committed.

    And its index, too.  ``tally``: the key of another lane, to which nothing is appended.
    ``origins``: when the machine's monotonic clock was 0 by its other clock, in the appends to this
    ``revision`` of the inbox and in the last append of all; microseconds.
    """

    key: bytes
    tally: bytes
    inbox: Inbox | None = None
    index: PageIndex | None = None
    origins: tuple[int, int] | None = None
    revision: bytes = z64
    priority: int = 0

    def is_clock_set(self, inbox: Inbox) -> bool:
        """Return whether the clock was set since the inbox was written, as it is committed."""
        if not clock.is_the_systems():
            return False
        origin = clock.now() - time.monotonic_ns() // 1000
        first, last = self.origins or (origin, origin)
        if self.revision != inbox._p_serial:  # the last append has written it
            self.revision, first = inbox._p_serial, last
        self.origins = first, origin
        return abs(origin - first) > TOLERANCE


#: The attribute of a connection with its ClientLanes by the oid of the queue and the priority.  A
#: connection has one user at a time, so a lane for each has one writer.  Kept there, because an
#: inbox refers to its connection: kept elsewhere, it would keep the connection and all its objects
#: in memory for ever.
CLIENT_LANES = "_zcasync_client_lanes"


def append(
    queue: LaneHolder, partials: Sequence[PartialRecord], page_size: int = PAGE_SIZE
) -> None:
    """Append partials to the lanes of the queue's connection, each to that of its priority.

    ``page_size``: the number of entries in a page that is new in this transaction.
    """
    of_priority: dict[int, list[PartialRecord]] = {}
    for partial in partials:
        of_priority.setdefault(partial.priority, []).append(partial)
    for priority, some in of_priority.items():
        _append(queue, _client_lane(queue, priority), some, page_size)


def _append(
    queue: LaneHolder, client_lane: ClientLane, partials: list[PartialRecord], page_size: int
) -> None:
    inbox = _own_inbox(queue, client_lane)
    if client_lane.is_clock_set(inbox):
        inbox._p_changed = True  # so that it says by which clock these are put
    for partial in partials:
        last = inbox.last
        page = inbox.extend(page_size)
        if page is not last:
            _note(queue, client_lane, last)
        page.append(partial)


def own_lane(queue: LaneHolder, priority: int = 0) -> Lane:
    """Return the lane of the queue's connection for this priority."""
    return _lane(queue, _client_lane(queue, priority))


def tally_lane(queue: LaneHolder) -> Lane:
    """Return the lane on which the queue's connection counts what it takes out.

    Nothing waits there, so no claimer writes it: whoever takes a job out meets those alone who
    claim the same one.
    """
    return queue.lane(_client_lane(queue, 0).tally)


def _lane(queue: LaneHolder, client_lane: ClientLane) -> Lane:
    return queue.lane(client_lane.key, client_lane.priority)


def _client_lane(queue: LaneHolder, priority: int) -> ClientLane:
    if queue._p_jar is None:  # it has one client, and a lane for each priority
        key = (priority & 0xFFFF).to_bytes(len(FIRST))
        return ClientLane(key, FIRST, priority=priority)
    lanes: dict[tuple[bytes, int], ClientLane] | None = getattr(queue._p_jar, CLIENT_LANES, None)
    if lanes is None:
        lanes = {}
        setattr(queue._p_jar, CLIENT_LANES, lanes)
        compare_at_connect(queue._p_jar.db())  # it may be a client that we have not made
    client_lane = lanes.get((queue._p_oid, priority))
    if client_lane is None:
        client_lane = ClientLane(uuid.uuid4().bytes, uuid.uuid4().bytes, priority=priority)
        lanes[queue._p_oid, priority] = client_lane
    return client_lane


def _own_inbox(queue: LaneHolder, client_lane: ClientLane) -> Inbox:
    """Return the inbox that this connection appends to."""
    inbox = client_lane.inbox
    if inbox is None or inbox._p_jar is not queue._p_jar:
        inbox = _lane(queue, client_lane).inbox
    try:
        if inbox.last.closed:
            raise POSKeyError(inbox._p_oid)
    except POSKeyError:  # the lane was dropped, perhaps even packed away: start a new one
        client_lane.key, client_lane.inbox = uuid.uuid4().bytes, None
        client_lane.index = None
        inbox = _lane(queue, client_lane).inbox
    if inbox._p_serial != z64 and inbox._p_jar is not None:
        client_lane.inbox = inbox  # only a committed one: after an abort it must not be used
    return inbox


def _note(queue: LaneHolder, client_lane: ClientLane, page: Page) -> None:
    """Note a page that is full in the index of this connection's lane."""
    index = client_lane.index
    if index is None or index._p_jar is not queue._p_jar:
        index = _lane(queue, client_lane).page_index
    if index is None or why_unloadable(index) is not None:
        return
    if note_page(queue._p_jar, index, page):
        lane = _lane(queue, client_lane)
        index.forget(lane.page.start + lane.index)
    if index._p_serial != z64 and index._p_jar is not None:
        client_lane.index = index  # as the inbox
