"""The lane that a client appends to: one for each connection, so that no two write one page."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ZODB.POSException import POSKeyError
from ZODB.utils import z64

from zcasync.job.record import PartialRecord
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import PAGE_SIZE, Inbox, Lane
from zcasync.zeo.history import compare_at_connect

#: The lane that exists from the beginning, so that two first clients do not meet in an empty tree.
FIRST = bytes(16)


@dataclass
class ClientLane:
    """The key of the lane that a connection appends to, and its inbox once that is committed."""

    key: bytes
    inbox: Inbox | None = None


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
    for partial in partials:
        inbox.extend(page_size).append(partial)


def own_lane(queue: LaneHolder) -> Lane:
    """Return the lane of the queue's connection."""
    return queue.lane(_client_lane(queue).key)


def _client_lane(queue: LaneHolder) -> ClientLane:
    if queue._p_jar is None:
        return ClientLane(FIRST)
    lanes: dict[bytes, ClientLane] | None = getattr(queue._p_jar, CLIENT_LANES, None)
    if lanes is None:
        lanes = {}
        setattr(queue._p_jar, CLIENT_LANES, lanes)
        compare_at_connect(queue._p_jar.db())  # it may be a client that we have not made
    return lanes.setdefault(queue._p_oid, ClientLane(uuid.uuid4().bytes))


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
        inbox = own_lane(queue).inbox
    if inbox._p_serial != z64 and inbox._p_jar is not None:
        client_lane.inbox = inbox  # only a committed one: after an abort it must not be used
    return inbox
