"""Access: the lanes from which a claimer takes first, those that it leaves to others, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum

from zcasync.queues.absent import Looks
from zcasync.queues.heads import heads
from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.queues.lane_records import load_lanes


class Access(IntEnum):
    """A claimer's access to a lane; True counts as NOW, False as NO."""

    NO = 0
    NOW = 1
    IF_IDLE = 2  # only where the other lanes do not fill the claim


#: Returns the Access to the lane with this key.
Polite = Callable[[bytes, Lane], int]


def in_turn(
    queue: LaneHolder, polite: Polite, worker: bytes, looks: Looks, now: int
) -> Iterator[list[Lane]]:
    """Yield the lanes that are claimed from together, and then the others.

    What another engine has not come to for a while waits until the claimer has nothing else to do,
    but for what is more urgent than all that it has: its engine has no room for that, or it had
    taken it.  Jobs of one priority give no reason to meddle, however old the other's are.
    """
    access: dict[int, list[Lane]] = {Access.NO: [], Access.NOW: [], Access.IF_IDLE: []}
    lanes = queue.lanes()
    load_lanes(queue._p_jar, lanes.values())
    for key, lane in lanes.items():
        access[polite(key, lane)].append(lane)
    first, others = access[Access.NOW], access[Access.IF_IDLE]
    if any(lane.priority for lane in others) or (others and any(one.priority for one in first)):
        own = (lane.priority for lane in first if _has_due(lane, worker, looks, now))
        least = min(own, default=None)
        urgent = [lane for lane in others if least is not None and lane.priority < least]
        first = [*first, *urgent]
        others = [lane for lane in others if lane not in urgent]
    yield first
    yield others


def _has_due(lane: Lane, worker: bytes, looks: Looks, now: int) -> bool:
    return any(entry.ready(now) <= now for entry in heads(lane, worker, looks))
