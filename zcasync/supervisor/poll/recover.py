"""Recovery of the jobs that children left: they died, returned them, or lost their slots."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from zcasync.job.ids import hex_oid
from zcasync.job.record import PartialRecord
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import quarantine, recover, unreadable
from zcasync.supervisor.poll.slots import REACTOR, Slot, Slots
from zcasync.workers.incarnation import Incarnation


def quarantine_unreadable(slots: Slots, log: list[str]) -> None:
    """Take what cannot be loaded, here or by its child, out of the claims."""
    for slot in slots:
        found = unreadable(slot.unaccounted(), slot.report.unreadable)
        quarantine(slot.claims, found, slot.sequence, log)


class Recovery:
    """Recovers in the passes of one engine."""

    def __init__(self, incarnation: Incarnation) -> None:
        self._incarnation = incarnation
        self._known: dict[int, int] = {}  # slot -> deaths that we know to be committed
        self._counted: dict[int, int] = {}  # the same with this pass

    def recover(self, slots: Slots, cancelled: Mapping[bytes, str], log: list[str]) -> None:
        """Revoke what a child that died, or one that was asked, did not begin or end."""
        for slot in slots:
            self._recover_strays(slot, log, cancelled)
            deaths = self._new_deaths(slot) if slot.report.deaths else []
            # What a replacement was assigned already was claimed after the death.
            left = [one for one in slot.unaccounted() if one.claim is self._incarnation]
            recover([one for one in left if one.retry_at is not None], None, log, cancelled)
            for number, (death, idle) in enumerate(deaths, 1):
                concerned = _of_death(slot, left, death, deaths[number:])
                if idle:  # then it may have left its slot to the next child, for an isolated job
                    concerned = [one for one in concerned if not one.is_isolated]
                recover(concerned, None if idle else death, log, cancelled)
            if slot.number >= slots.size:  # where there is no next child
                recover([one for one in left if one.is_isolated], None, log, cancelled)
            returned = slot.report.returned
            if returned:
                recover([one for one in left if one._p_oid in returned], None, log, cancelled)
                _hand_on(slot, returned, slots)
            if cancelled:
                recover(_cancelled_at_rest(slot, left, cancelled), None, log, cancelled)

    def _recover_strays(self, slot: Slot, log: list[str], cancelled: Mapping[bytes, str]) -> None:
        """Recover what an undo has brought back from the claims of an earlier engine."""
        strays = [one for one in slot.unaccounted() if self._is_stray(one)]
        recover(strays, None, log, cancelled)
        for partial in strays:
            if partial.has_result:
                partial.reassign(self._incarnation)

    def _is_stray(self, partial: PartialRecord) -> bool:
        claim = partial.claim
        return claim is not None and claim is not self._incarnation and claim.is_over

    def _new_deaths(self, slot: Slot) -> list[tuple[Death, bool]]:
        """Return the deaths in a slot that no commit has seen.

        A pass that failed is made again with the same deaths, but its commit, when it was in doubt,
        can be there: then what was claimed in it has nothing to do with them.
        """
        claims = slot.claims
        known = self._known.setdefault(slot.number, claims.deaths)
        found = slot.report.deaths[claims.deaths - known :]
        if found:
            claims.deaths += len(found)
        self._counted[slot.number] = claims.deaths
        return found

    def committed(self) -> None:
        """Note that the pass is committed, and with it the deaths that it has counted."""
        self._known.update(self._counted)


def _of_death(
    slot: Slot, left: list[PartialRecord], death: Death, later: list[tuple[Death, bool]]
) -> list[PartialRecord]:
    """Return what a death concerns: all that a child had, or the reactor job that one checked.

    ``later``: deaths of the children that came after it in this slot; what they had is theirs.
    """
    if slot.number == REACTOR:
        return [one for one in left if hex_oid(one._p_oid) == death.job]
    theirs = frozenset[bytes]().union(*(other.at_stake or () for other, _ in later))
    return [one for one in left if one._p_oid not in theirs]


def _hand_on(slot: Slot, returned: Collection[bytes], slots: Slots) -> None:
    """Let another slot run the callbacks that a child has returned.

    Its own one would assign them to the same child, behind the same job, to be returned again.
    """
    able = [one for one in slots.threads[: slots.size] if one is not slot and one.report.ready]
    if able:
        left = [one for one in slot.claims.items if one._p_oid in returned and one.has_result]
        slot.move(left, min(able, key=Slot.how_busy))


def _cancelled_at_rest(
    slot: Slot, left: list[PartialRecord], cancelled: Mapping[bytes, str]
) -> list[PartialRecord]:
    """Return the cancelled jobs of a slot that do not run: no child has them, or they wait."""
    return [
        one
        for one in slot.claims.items
        if one._p_oid in cancelled and (one in left or one._p_oid in slot.report.deferred)
    ]


def rehome(slots: Slots) -> None:
    """Let the first slot run the callbacks that are left in slots that there are no more."""
    for slot in slots.threads[slots.size :] if slots.size else ():
        slot.move((one for one in slot.unassigned() if one.has_result), slots.threads[0])
