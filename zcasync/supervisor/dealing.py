"""Dealing: claims what there is room for and deals it out to those who perform it."""

from __future__ import annotations

from typing import Any

from zcasync.incarnation import Incarnation
from zcasync.partial import Partial
from zcasync.policies import is_at_most_once
from zcasync.supervisor.politeness import Politeness
from zcasync.supervisor.work import Done, SlotWork
from zcasync.workers import ClaimList


class Dealer:
    """Claims for one incarnation."""

    def __init__(self, incarnation: Incarnation, politeness: Politeness) -> None:
        self._incarnation = incarnation
        self._politeness = politeness

    def deal(
        self,
        queue: Any,
        pairs: list[tuple[ClaimList, SlotWork]],
        done: Done,
        reserves: bool = True,
    ) -> bool:
        """Claim as much as the slots have room for; whether there is room for what is due next.

        ``reserves``: each slot works on one job at a time.
        """
        rooms = [slot.room for _, slot in pairs]
        wanted = sum(room for room in rooms if room > 0)
        if not wanted:
            return False
        loads = [sum(p._p_oid not in slot.deferred for p in one.items) for one, slot in pairs]
        # So many of what is dealt out first find empty hands; what may begin only once waits for
        # that, so that it is never reserved behind another job.
        empty = sum(room > 0 and not load for room, load in zip(rooms, loads, strict=True))
        claimed = queue.claim(
            self._incarnation.worker.bytes,
            wanted,
            engine=self._incarnation.engineUUID.bytes,
            polite=self._politeness.allows,
            may_take=lambda partial, count: (
                not reserves or count < empty or not is_at_most_once(partial)
            ),
        )
        for partial, problem in claimed.broken:
            number = int.from_bytes(partial._p_oid)
            done.notes.append(f"job {number:#x} cannot be used and is set aside: {problem}")
        hands: list[list[Partial]] = [[] for _ in pairs]
        for partial in claimed.partials:
            partial._claimed_by(self._incarnation)
            # Whoever has least in hand, so that nobody idles beside a job that waits.
            best = min(
                (n for n in range(len(pairs)) if rooms[n] > 0),
                key=lambda n: loads[n] + len(hands[n]),
            )
            rooms[best] -= 1
            hands[best].append(partial)
        for (one, _), hand in zip(pairs, hands, strict=True):
            if hand:
                one.items += tuple(hand)
        done.claimed += len(claimed.partials)
        return any(room > 0 for room in rooms) and not claimed.left
