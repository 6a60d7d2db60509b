"""Overtaking: what is more urgent goes in front of what a child has been assigned and not begun.

Running jobs are not interrupted.  Among equals nothing overtakes, however old it is: what a child
has, it does in the order in which it was claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zcasync.job.record import PartialRecord
from zcasync.queues.priority import Precedence, precedence
from zcasync.supervisor.poll.slots import Slot


def enqueue(slot: Slot, partials: Iterable[PartialRecord]) -> None:
    """Claim these for a slot, in this order: behind all that it has, but for what is less urgent.

    The claims are in the order in which their child performs them, so that a death is blamed on
    the right one.
    """
    items, behind = list(slot.claims.items), _not_begun(slot)
    least = max((one.priority for one in behind), default=-1000)
    for partial in partials:
        overtaken = None
        if partial.priority < least:
            own = precedence(partial)
            overtaken = next((one for one in behind if own.goes_before(precedence(one))), None)
        items.insert(len(items) if overtaken is None else items.index(overtaken), partial)
    slot.claims.items = tuple(items)


def next_to_begin(slots: Iterable[Slot]) -> dict[int, Precedence]:
    """Return, by slot, the place of what its child begins next, where that may be overtaken."""
    able = ((slot.number, _not_begun(slot)) for slot in slots if slot.report.may_overtake)
    return {number: precedence(behind[0]) for number, behind in able if behind}


def limit_of(places: Sequence[Precedence]) -> Precedence:
    """Return a place that whatever goes before one of these goes before."""
    return Precedence(max(one.priority for one in places), max(one.rank for one in places))


def new_order(slot: Slot, new: list[bytes]) -> list[bytes]:
    """Return all that the child of a slot is to do, in order, where that is not the new ones last.

    ``new``: what is handed out to it, in the order of the claims.
    """
    in_turn = _assigned(slot) | frozenset(new)
    order = [one._p_oid for one in slot.claims.items if one._p_oid in in_turn]
    return [] if order[len(order) - len(new) :] == new else order


def _assigned(slot: Slot) -> frozenset[bytes]:
    return slot.report.outstanding - slot.report.deferred


def _not_begun(slot: Slot) -> list[PartialRecord]:
    """Return what the child of a slot has not begun, in its order, as far as one can know.

    What this pass does not have in memory the child has written since it was claimed.
    """
    assigned = _assigned(slot)
    in_turn = [one for one in slot.claims.items if one._p_oid in assigned]
    return [one for one in in_turn[1:] if one._p_changed is not None]
