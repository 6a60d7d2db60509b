"""The claim: the waiting partials that a worker takes next, over all lanes of a queue."""

from __future__ import annotations

from collections.abc import Callable

from zcasync import clock
from zcasync.job.record import protect
from zcasync.queues.absent import Looks
from zcasync.queues.access import Polite, in_turn
from zcasync.queues.admission import Admission
from zcasync.queues.claim_heads import ClaimHeads, HeldLoader, load_likely
from zcasync.queues.claimed import Claimed
from zcasync.queues.expired import take_expired
from zcasync.queues.fate import Fate, apply_fate, fate_of
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.lane_records import with_entries
from zcasync.queues.priority import Precedence
from zcasync.queues.settling import is_to_settle, settled
from zcasync.retry.policy import may_begin_once


def claim(
    queue: LaneHolder,
    worker: bytes,
    limit: int,
    engine: bytes | None,
    polite: Polite,
    idle: int | None,
    ahead: Callable[[Lane], int],
    looks: Looks,
    before: Precedence | None,
    admission: Admission,
) -> Claimed:
    """Claim due partials.  See ``PartialQueue.claim``."""
    claimed, now = Claimed(admission=admission, idle=idle), clock.now()
    for some in in_turn(queue, polite, worker, looks, now):
        urgent = (lane for lane in some if before is None or lane.priority < before.priority)
        lanes = with_entries(urgent)
        if lanes and claimed.wants_more(limit):
            _claim_from(queue, lanes, worker, limit, engine, ahead, claimed, looks, before)
    # What has put them there, or ended them outside a claim, cannot be undone any more: their lanes
    # have been read on.  Of an inbox the last one is enough: each put behind another one has
    # written the page of that again, and is undone first.
    protect([*claimed.passed_by, *claimed.last_filed.values()])
    admission.keep()
    return claimed


def _claim_from(
    queue: LaneHolder,
    lanes: list[Lane],
    worker: bytes,
    limit: int,
    engine: bytes | None,
    ahead: Callable[[Lane], int],
    claimed: Claimed,
    looks: Looks,
    before: Precedence | None,
) -> None:
    """Claim from these lanes, by rank; ``before``: only what goes before that."""
    now = clock.now()
    take_expired(queue, lanes if before is None else (), worker, now, limit, claimed)
    load_likely(queue, lanes, limit)
    first = ClaimHeads(now, lanes, worker, looks, claimed.admits, before)
    held = HeldLoader(queue._p_jar)
    while first and claimed.wants_more(limit):
        lane, entry = first.pop()
        if not claimed.may_look(entry.restriction, looks):
            continue
        if entry.due > now:
            held.load(entry)
        to_settle = is_to_settle(queue, entry)
        fate = fate_of(queue, entry, worker, now, claimed)
        if claimed.is_prefetch and (to_settle or fate == Fate.TAKEN):
            # It is not passed by: what is behind it would keep children from ever being idle.
            # Nor is it changed: its entry has its times.
            claimed.is_barred = may_begin_once(entry.partial)
            if claimed.is_barred:
                return
        if to_settle:
            entry = settled(entry, now, ahead(lane))
            fate = fate_of(queue, entry, worker, now, claimed)
        claimed.examined += 1
        lane.drop(entry)
        apply_fate(lane, entry, fate, now, claimed)
        lane.note_owner(engine)
        if (following := lane.following(entry)) is not None:
            first.add(lane, following)
