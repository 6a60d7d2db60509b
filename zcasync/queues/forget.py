"""Forgetting what a pull has to pass by: entries that no longer say the truth, at the front.

Claimers do this on their way; where there are none, every pull would begin with what all pulls
before it have left behind.  It writes the claimers' records, so it is not done for a few.
"""

from __future__ import annotations

from collections.abc import Iterator

from zcasync import clock
from zcasync.job.record import protect
from zcasync.queues.claimed import EXAMINE_LIMIT, Claimed
from zcasync.queues.entry import Entry
from zcasync.queues.fate import Fate, apply_fate, fate_of
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.settling import is_to_settle, settled


def forget_passed(queue: LaneHolder, worker: bytes | None = None) -> None:
    """Take away the first entries of every inbox and tree whose partials do not wait any more.

    ``worker``: file those of the inboxes, too, that are due and that this one may not run.
    """
    now, claimed = clock.now(), Claimed()
    for lane in queue.lanes().values():
        for first in _heads(lane):
            entry: Entry | None = first
            while entry is not None and claimed.examined < EXAMINE_LIMIT:
                fate = fate_of(queue, entry, worker or b"", now, claimed)
                is_due = entry.page is not None and entry.ready(now) <= now
                is_for_others = is_due and worker is not None
                if not (fate == Fate.GONE or (fate == Fate.FILED and is_for_others)):
                    break
                if is_to_settle(queue, entry):
                    entry = settled(entry, now, 0)
                claimed.examined += 1
                lane.drop(entry)
                apply_fate(lane, entry, fate, now, claimed)
                entry = lane.following(entry)
    protect([*claimed.passed_by, *claimed.last_filed.values()])  # as a claim does


def _heads(lane: Lane) -> Iterator[Entry]:
    """Yield the first entry of the inbox and of each tree."""
    entry = lane.next_in_inbox()
    if entry is not None:
        yield entry
    for restriction in lane.restrictions:
        filed = lane.first_filed(restriction)
        if filed is not None:
            yield filed
