"""Dealing: claims what there is room for and deals it out to those who perform it."""

from __future__ import annotations

from typing import Any

from zcasync.job.record import PartialRecord
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import PassResult, SlotReport
from zcasync.workers.claims import ClaimList
from zcasync.workers.incarnation import Incarnation


class Dispatcher:
    """Claims for one incarnation."""

    def __init__(self, incarnation: Incarnation, politeness: LaneAffinity) -> None:
        self._incarnation = incarnation
        self._politeness = politeness

    def deal(
        self,
        queue: Any,
        pairs: list[tuple[ClaimList, SlotReport]],
        done: PassResult,
        *,
        ahead: bool = True,
    ) -> bool:
        """Claim as much as the slots have room for; whether more would have been claimed.

        ``ahead``: a slot does one job after the other.  Then what may begin only once goes to one
        that has nothing in hand, or waits until there is one: when a slot ends its last job there
        is a pass anyway.
        """
        rooms = [slot.room for _, slot in pairs]
        in_hand = [count_in_hand(one, slot) for one, slot in pairs]
        idle = sum(room > 0 and not held for room, held in zip(rooms, in_hand, strict=True))
        wanted = sum(room for room in rooms if room > 0)
        if not wanted:
            return False
        claimed = queue.claim(
            self._incarnation.worker.bytes,
            wanted,
            engine=self._incarnation.engineUUID.bytes,
            polite=self._politeness.allows,
            idle=idle if ahead else None,
        )
        for partial, problem in claimed.broken:
            number = int.from_bytes(partial._p_oid)
            done.notes.append(f"job {number:#x} cannot be used and is set aside: {problem}")
        hands: list[list[PartialRecord]] = [[] for _ in pairs]
        for partial in claimed.partials:
            partial.assign(self._incarnation)
            # Whoever has least in hand, so that nobody idles beside a job that waits.
            best = min(
                (n for n in range(len(pairs)) if rooms[n] > 0),
                key=lambda n: in_hand[n] + len(hands[n]),
            )
            rooms[best] -= 1
            hands[best].append(partial)
        for (one, _), hand in zip(pairs, hands, strict=True):
            if hand:
                one.items += tuple(hand)
        done.claimed += len(claimed.partials)
        return any(room > 0 for room in rooms) and not claimed.is_barred


def count_in_hand(one: ClaimList, slot: SlotReport) -> int:
    """How many jobs a slot has to do before it does another one."""
    rest = slot.deferred | slot.over
    return sum(partial._p_oid not in rest for partial in one.items)
