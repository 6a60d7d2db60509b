"""Flows again: what is run once more together with a flow, and waits for each other as before.

A flow that has failed goes on where it has come to: those of its members that have failed, or ended
without having begun because of that, are called again, and those that have a result are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twisted.python.failure import Failure

from zcasync.errors import BadStateError
from zcasync.job.broken import broken
from zcasync.job.gate import Gate
from zcasync.job.outcome import Outcome, outcome
from zcasync.job.record import PartialRecord
from zcasync.job.starting import has_started, started
from zcasync.zeo.bulk_load import load_all

#: By their ids in memory.
Partials = Mapping[int, PartialRecord]


def with_members(partials: Iterable[PartialRecord]) -> Partials:
    """Return these, and of the flows among them those members that have to be run again, too.

    Raises BadStateError where one that is to follow these has begun, and not ended.
    """
    found: dict[int, PartialRecord] = {}
    left = list(partials)
    while left:
        one = left.pop()
        if id(one) in found:
            continue
        found[id(one)] = one
        if _goes_on(one):
            left += _failed_members(one)
    return found


def hold_in_order(partials: Partials) -> list[PartialRecord]:
    """Let calls that are pending again begin behind what they began after, where that is open.

    Return those that are to be given a place in the queue now.
    """
    first = []
    for one in partials.values():
        after, members, flow = one.after_gate, one.members_gate, one.flow
        is_member = flow is not None and id(flow) in partials
        if not is_member and (flow is None or not one.is_held):  # else its turn has not come
            first.append(one)
        waits = is_member
        if after is not None and _count_again(after, partials):
            after.is_open = after.has_failed
            waits = waits or not after.is_open
        if members is not None and (_count_again(members, partials) or is_member):
            members.is_open = members.is_started = False
            waits = True
        if waits:
            one.hold()
    ready = []
    for one in first:
        ready += started(one) if one.is_held else [one]
    return ready


def _goes_on(partial: PartialRecord) -> bool:
    """Return whether this is a flow that was ended before all that it is made of was done."""
    gate = partial.members_gate
    if gate is None or not partial.has_result or not _has_failed(partial):
        return False
    is_cancelled = outcome(partial.stored_result) == Outcome.CANCELLED
    return is_cancelled or gate.has_failed or not gate.collects


def _failed_members(flow: PartialRecord) -> list[PartialRecord]:
    gate = flow.members_gate
    found: list[PartialRecord] = []
    for one in _loaded(gate):
        if _has_failed(one):
            found.append(one)
        elif found and gate.is_serial and _is_under_way(one):
            raise BadStateError(
                f"{flow!r} is not over: its member {one!r} has yet to end, behind {found[0]!r}; "
                "wait for that, or cancel it"
            )
    return found


def _is_under_way(partial: PartialRecord) -> bool:
    return broken(partial) is None and not partial.has_result and has_started(partial)


def _count_again(gate: Gate, partials: Partials) -> bool:
    """Let a gate wait for those of its calls that have yet to end; return whether there are any."""
    waiting = [
        one
        for one in _loaded(gate)
        if id(one) in partials or (broken(one) is None and not one.has_result)
    ]
    gate.count_again(waiting)
    return bool(waiting)


def _has_failed(partial: PartialRecord) -> bool:
    return (
        broken(partial) is None
        and partial.queue is not None  # it was not discarded
        and partial.has_result
        and isinstance(partial.stored_result, Failure)
    )


def _loaded(gate: Gate) -> list[PartialRecord]:
    members = list(gate.all_members())
    if gate._p_jar is not None:
        load_all(gate._p_jar, [one._p_oid for one in members if one._p_changed is None])
    return members
