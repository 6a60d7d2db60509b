"""Recover: claims of children that died, returned jobs, and slots that there are no more."""

from __future__ import annotations

from zcasync.supervisor.poll.messages import SlotReport
from zcasync.workers.claims import ClaimList


def rehome(slots: list[tuple[ClaimList, SlotReport]], size: int) -> None:
    """Let the first slot run the callbacks that are left in slots that there are no more."""
    for one, slot in slots[size:] if size else ():
        left = tuple(
            partial
            for partial in one.items
            if partial._p_oid not in slot.outstanding | slot.over and partial.has_result
        )
        if left:
            one.items = tuple(partial for partial in one.items if partial not in left)
            slots[0][0].items += left
