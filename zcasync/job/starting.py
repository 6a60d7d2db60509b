"""Starting: calls that were held are given their places in their queues, flows by their members."""

from __future__ import annotations

from zcasync.interfaces import PENDING
from zcasync.job.record import PartialRecord


def released(partial: PartialRecord) -> list[PartialRecord]:
    """Hold a call no longer; return it where it is to be given a place in its queue."""
    if not partial.is_held:
        return []
    partial.let_begin()
    return [partial] if partial.state == PENDING and partial.queue is not None else []


def started(partial: PartialRecord) -> list[PartialRecord]:
    """Start a call: of a flow, those of its members; return what is to be given a place."""
    ready: list[PartialRecord] = []
    left = [partial]
    while left:
        one = left.pop()
        gate = one.members_gate
        if one.after_gate is not None and not one.after_gate.is_open:
            continue
        if gate is None:
            ready += released(one)
        elif not gate.is_started:
            gate.is_started = True
            left += reversed(list(gate.first_members()))
            if gate.is_full:
                ready += gate.opened()
    return ready


def has_started(partial: PartialRecord) -> bool:
    """Return whether a held call was let begin: of a flow, whether its members were."""
    gate = partial.members_gate
    return not partial.is_held if gate is None else gate.is_started


def begin(ready: list[PartialRecord]) -> None:
    """Give calls that were held their places in their queues."""
    queues = {id(one.queue): one.queue for one in ready}
    for queue in queues.values():
        queue.begin([one for one in ready if one.queue is queue])
