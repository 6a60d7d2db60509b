"""Expired: what has waited in a lane for as long as it may, taken out to be ended."""

from __future__ import annotations

from collections.abc import Iterable

from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.queues.claimed import Claimed
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane

#: What another worker may run, and has waited for its code too long, is looked at again after this.
LOOK_AGAIN_MICROSECONDS = 3600 * 1_000_000
#: What has to wait for a quota at that moment, after this.
QUOTA_MICROSECONDS = 10 * 1_000_000


def take_expired(
    queue: LaneHolder,
    lanes: Iterable[Lane],
    worker: bytes,
    now: int,
    limit: int,
    claimed: Claimed,
) -> None:
    """Claim what has waited in these lanes for too long, to be ended.

    Partials, of any worker, that were not begun by their ``begin_by``; and those that the worker
    may run and that have waited for their code as long as they may: that may be there at last, and
    so they need their quotas.
    """
    for lane in lanes:
        _take_expired(queue, lane, worker, now, limit, claimed)


def _take_expired(
    queue: LaneHolder, lane: Lane, worker: bytes, now: int, limit: int, claimed: Claimed
) -> None:
    while claimed.wants_more(limit):
        partial = lane.take_expired(now)
        if partial is None:
            return
        claimed.examined += 1
        if broken(partial) is not None or id(partial) in claimed.seen:
            continue
        waits = queue.waits(partial, partial.due)
        if waits and partial.is_too_late:
            lane.gone += 1  # its entry in a tree is still there
            claimed.add(partial)
        elif partial.is_aside_too_long and (waits or _has_callbacks_left(queue, partial)):
            is_here = partial.may_run_on(worker)
            if is_here and claimed.admits(partial.quotas):
                lane.gone += waits  # callbacks were not counted as waiting
                claimed.add(partial)
            else:
                lane.seq += 1
                again = QUOTA_MICROSECONDS if is_here else LOOK_AGAIN_MICROSECONDS
                lane.note_deadline(now + again, partial)


def _has_callbacks_left(queue: LaneHolder, partial: PartialRecord) -> bool:
    moment = partial.resume_at
    return moment is not None and queue.has_callbacks_left(partial, moment)
