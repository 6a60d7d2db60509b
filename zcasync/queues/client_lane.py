"""The lane that a client appends to: one for each connection, so that no two write one page."""

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


#: The attribute of a connection with its ClientLanes by the oid of the queue.  A connection has one
#: user at a time, so a lane for each has one writer.  Kept there, because an inbox refers to its
#: connection: kept elsewhere, it would keep the connection and all its objects in memory for ever.
CLIENT_LANES = "_zcasync_client_lanes"


def append(
    queue: LaneHolder, partials: Sequence[PartialRecord], page_size: int = PAGE_SIZE
) -> None:
    """Append partials to the lane of the queue's connection.

    ``page_size``: the number of entries in a page that is new in this transaction.
    """
    inbox = _own_inbox(queue)
    if _client_lane(queue).is_clock_set(inbox):
        inbox._p_changed = True  # so that it says by which clock these are put
    for partial in partials:
        last = inbox.last
        page = inbox.extend(page_size)
        if page is not last:
            _note(queue, last)
        page.append(partial)


def own_lane(queue: LaneHolder) -> Lane:
    """Return the lane of the queue's connection."""
    return queue.lane(_client_lane(queue).key)


def tally_lane(queue: LaneHolder) -> Lane:
    """Return the lane on which the queue's connection counts what it takes out.

    Nothing waits there, so no claimer writes it: whoever takes a job out meets those alone who
    claim the same one.
    """
    return queue.lane(_client_lane(queue).tally)


def _client_lane(queue: LaneHolder) -> ClientLane:
    if queue._p_jar is None:
        return ClientLane(FIRST, FIRST)
    lanes: dict[bytes, ClientLane] | None = getattr(queue._p_jar, CLIENT_LANES, None)
    if lanes is None:
        lanes = {}
        setattr(queue._p_jar, CLIENT_LANES, lanes)
        compare_at_connect(queue._p_jar.db())  # it may be a client that we have not made
    return lanes.setdefault(queue._p_oid, ClientLane(uuid.uuid4().bytes, uuid.uuid4().bytes))


def _own_inbox(queue: LaneHolder) -> Inbox:
    """Return the inbox that this connection appends to."""
    client_lane = _client_lane(queue)
    inbox = client_lane.inbox
    if inbox is None or inbox._p_jar is not queue._p_jar:
        inbox = own_lane(queue).inbox
    try:
        if inbox.last.closed:
            raise POSKeyError(inbox._p_oid)
    except POSKeyError:  # the lane was dropped, perhaps even packed away: start a new one
        client_lane.key, client_lane.inbox = uuid.uuid4().bytes, None
        client_lane.index = None
        inbox = own_lane(queue).inbox
    if inbox._p_serial != z64 and inbox._p_jar is not None:
        client_lane.inbox = inbox  # only a committed one: after an abort it must not be used
    return inbox


def _note(queue: LaneHolder, page: Page) -> None:
    """Note a page that is full in the index of this connection's lane."""
    client_lane = _client_lane(queue)
    index = client_lane.index
    if index is None or index._p_jar is not queue._p_jar:
        index = own_lane(queue).page_index
    if index is None or why_unloadable(index) is not None:
        return
    if note_page(queue._p_jar, index, page):
        lane = own_lane(queue)
        index.forget(lane.page.start + lane.index)
    if index._p_serial != z64 and index._p_jar is not None:
        client_lane.index = index  # as the inbox
