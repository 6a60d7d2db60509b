"""Where a client appends: each connection has a lane of its own, so that no two write one page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ZODB.POSException import POSKeyError
from ZODB.utils import z64

from zcasync.job.record import PartialRecord
from zcasync.queues.lane import PAGE_SIZE, Inbox, Lane, LaneHolder

#: The lane that exists from the beginning, so that two first clients do not meet in an empty tree.
FIRST = bytes(16)


@dataclass
class Tail:
    """Which lane a connection appends to, and its inbox once that is committed."""

    key: bytes
    inbox: Inbox | None = None


#: The attribute of a connection with its tails, by the queue's oid.  A connection has one user at a
#: time, so a lane for each has one writer.  Kept there, because an inbox knows its connection: what
#: anything else refers to would keep the connection, and all that it has loaded, for ever.
TAILS = "_zcasync_tails"


def append(
    queue: LaneHolder, entries: list[tuple[int, PartialRecord]], page_size: int = PAGE_SIZE
) -> None:
    """Append (due time, partial) pairs to the lane of the queue's connection.

    ``page_size``: how long pages may get that are new in this transaction.
    """
    inbox = _own_inbox(queue)
    for due, partial in entries:
        inbox.extend(page_size).append(due, partial)


def own_lane(queue: LaneHolder) -> Lane:
    """The lane of the queue's connection."""
    return queue.lane(_tail(queue).key)


def _tail(queue: LaneHolder) -> Tail:
    if queue._p_jar is None:
        return Tail(FIRST)
    tails: dict[bytes, Tail] | None = getattr(queue._p_jar, TAILS, None)
    if tails is None:
        tails = {}
        setattr(queue._p_jar, TAILS, tails)
    return tails.setdefault(queue._p_oid, Tail(uuid.uuid4().bytes))


def _own_inbox(queue: LaneHolder) -> Inbox:
    """Where this connection appends."""
    tail = _tail(queue)
    inbox = tail.inbox
    if inbox is None or inbox._p_jar is not queue._p_jar:
        inbox = own_lane(queue).inbox
    try:
        if inbox.last.closed:
            raise POSKeyError(inbox._p_oid)
    except POSKeyError:  # the lane was given up, perhaps even packed away: start a new one
        tail.key, tail.inbox = uuid.uuid4().bytes, None
        inbox = own_lane(queue).inbox
    if inbox._p_serial != z64 and inbox._p_jar is not None:
        tail.inbox = inbox  # only what is committed is remembered: an abort cannot mislead us
    return inbox
