"""Dispatch: claims what there is room for and assigns it to slots; hands out what is claimed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zcasync.datamanager import DataManager
from zcasync.events import is_heard, tell_after_commit
from zcasync.interfaces import IJobClaimedEvent, JobClaimed
from zcasync.job.ids import hex_oid
from zcasync.job.record import PartialRecord
from zcasync.perform.reach import reaches_foreign
from zcasync.queues.admission import Admission
from zcasync.queues.claimed import Claimed
from zcasync.queues.heads import count_first
from zcasync.queues.partial_queue import PartialQueue
from zcasync.supervisor.poll.clocks import Clocks
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import HandOut
from zcasync.supervisor.poll.overtaking import enqueue, limit_of, new_order, next_to_begin
from zcasync.supervisor.poll.serving import Serving, Share
from zcasync.supervisor.poll.set_aside import SettingAside
from zcasync.supervisor.poll.slots import Slot, Slots
from zcasync.supervisor.poll.unique_keys import UniqueKeys
from zcasync.workers.incarnation import Incarnation

#: What no slot can take yet, because its last end has not been heard of, waits for so long.
AGAIN_MICROSECONDS = 50_000


@dataclass(frozen=True)
class Dispatched:
    """The claims of a pass."""

    count: int
    hungry: list[PartialQueue]  # there is room for more jobs of these
    admission: Admission
    is_prefetch: bool = False  # what else is claimed for children waits for other jobs


class Dispatcher:
    """Claims for one incarnation."""

    def __init__(
        self,
        incarnation: Incarnation,
        affinity: LaneAffinity,
        clocks: Clocks,
        aside: SettingAside,
        keys: UniqueKeys,
        serving: Serving,
    ) -> None:
        self._incarnation = incarnation
        self._affinity = affinity
        self._clocks = clocks
        self._aside = aside
        self._keys = keys
        self._serving = serving

    def dispatch(self, slots: Slots, manager: DataManager, log: list[str]) -> Dispatched:
        """Claim as much as the slots have room for."""
        admission = Admission(manager.quotas, self._clocks.database)
        shares = self._serving.thread(manager, slots.threads)
        self._leave_dry(slots.threads, shares, admission)
        threads = list(self._share_out(slots.threads, shares, admission, log))
        reactor = [
            self._fill([slots.reactor], share, admission, log, one_by_one=False)
            for share in self._serving.reactor(manager, slots.reactor)
        ]
        done = [*threads, *reactor]
        hungry = list({id(queue): queue for one in done for queue in one.hungry}.values())
        left = self._serving.left(manager, slots.threads)
        urgent = self._overtake(slots.threads, left, admission, log)
        is_prefetch = any(one.is_prefetch for one in threads)
        count = sum(one.count for one in done) + urgent
        return Dispatched(count, hungry, admission, is_prefetch)

    def _share_out(
        self, slots: list[Slot], shares: list[Share], admission: Admission, log: list[str]
    ) -> Iterator[Dispatched]:
        """Claim from the queues whose jobs children perform.

        Of several each gets its part of the room first, and then what the others have left of it.
        """
        for number, share in enumerate(shares[:-1]):
            room = sum(slot.room for slot in slots if slot.room > 0)
            part = -(-room // (len(shares) - number))
            most = part if share.most is None else min(part, share.most)
            one = self._fill(slots, Share(share.queue, most), admission, log, one_by_one=True)
            if share.most is not None:
                shares[number] = Share(share.queue, share.most - one.count)
            yield one
        for share in reversed(shares):
            if share.most is None or share.most > 0:
                yield self._fill(slots, share, admission, log, one_by_one=True)

    def _fill(
        self,
        slots: list[Slot],
        share: Share,
        admission: Admission,
        log: list[str],
        *,
        one_by_one: bool,
    ) -> Dispatched:
        """Claim from one queue.

        ``one_by_one``: a slot does one job after the other.  Then what may begin only once goes to
        one that has nothing to do, or waits until there is one: when a slot ends its last job there
        is a pass anyway.
        """
        queue = share.queue
        wanted = sum(slot.room for slot in slots if slot.room > 0)
        wanted = wanted if share.most is None else min(wanted, share.most)
        if not wanted:
            return Dispatched(0, [], admission)
        ahead = [slot.count_ahead() for slot in slots]
        idle = sum(slot.room > 0 and not count for slot, count in zip(slots, ahead, strict=True))
        claimed = queue.claim(
            self._incarnation.worker.bytes,
            wanted,
            engine=self._incarnation.engineUUID.bytes,
            polite=self._affinity.allows,
            idle=idle if one_by_one else None,
            ahead=self._clocks.ahead,
            looks=self._aside.looks(queue.__name__),
            admission=admission,
        )
        self._aside.note(queue.__name__, claimed)
        self._keys.note(claimed.partials)
        _tell_broken(claimed, log)
        self._assign(claimed.partials, slots, ahead)
        is_open = share.most is None or len(claimed.partials) < share.most
        wants_more = is_open and any(slot.room > 0 for slot in slots) and not claimed.is_barred
        hungry = [queue] if wants_more else []
        return Dispatched(len(claimed.partials), hungry, admission, claimed.is_prefetch)

    def _leave_dry(self, slots: list[Slot], shares: list[Share], admission: Admission) -> None:
        """Give nothing more to as many slots as there are jobs with scarce quotas that come next.

        Such a job is claimed for a slot that has nothing to do, and where others are always
        prefetched there would never be one.
        """
        room = [slot for slot in slots if slot.room > 0]
        busy = [slot for slot in room if slot.count_ahead()]
        if not busy or not admission.has_quotas:
            return
        worker, idle = self._incarnation.worker.bytes, len(room) - len(busy)
        first = sum(count_first(share.queue, worker, admission.if_scarce) for share in shares)
        for slot in sorted(busy, key=Slot.count_ahead)[: max(0, first - idle)]:
            slot.room = 0

    def _overtake(
        self, slots: list[Slot], shares: list[Share], admission: Admission, log: list[str]
    ) -> int:
        """Claim what is more urgent than what a child begins next, one for each; return how many.

        Though there is no room: it goes in front of what was prefetched.
        """
        places, count = next_to_begin(slots), 0
        for slot in slots if places else ():
            slot.room = slot.number in places
        for queue, most in shares if places else ():
            left = [places[slot.number] for slot in slots if slot.room]
            if not left:
                break
            before = limit_of(left)
            if all(lane.priority >= before.priority for lane in queue.lanes().values()):
                continue
            claimed = queue.claim(
                self._incarnation.worker.bytes,
                len(left) if most is None else min(most, len(left)),
                engine=self._incarnation.engineUUID.bytes,
                polite=self._affinity.allows,
                idle=0,
                ahead=self._clocks.ahead,
                before=before,
                admission=admission,
            )
            self._keys.note(claimed.partials)
            _tell_broken(claimed, log)
            self._assign(claimed.partials, slots, [slot.count_ahead() for slot in slots])
            count += len(claimed.partials)
        return count

    def _assign(self, partials: list[PartialRecord], slots: list[Slot], ahead: list[int]) -> None:
        """Assign each to the slot that has least to do, so that none idles beside a waiting job.

        ``ahead``: how much each slot has to do already.  One that is run again goes to no slot of
        which a pass has to hear yet that it has ended there the last time.
        """
        shares: list[list[PartialRecord]] = [[] for _ in slots]
        is_told = is_heard(IJobClaimedEvent)
        for partial in partials:
            is_resumed = partial.has_result
            partial.assign(self._incarnation)
            best = min(
                (
                    number
                    for number, slot in enumerate(slots)
                    if slot.room > 0 and (is_resumed or partial._p_oid not in slot.accounted)
                ),
                key=lambda number: ahead[number] + len(shares[number]),
                default=None,
            )
            if best is None:
                partial.queue.release(partial, AGAIN_MICROSECONDS)
                continue
            slots[best].room -= 1
            shares[best].append(partial)
            if is_told and not is_resumed:
                tell_after_commit(JobClaimed(partial, self._incarnation.worker))
        for slot, share in zip(slots, shares, strict=True):
            if share:
                enqueue(slot, share)


def _tell_broken(claimed: Claimed, log: list[str]) -> None:
    for partial, problem in claimed.broken:
        log.append(f"job {hex_oid(partial._p_oid)} cannot be used and is set aside: {problem}")


def hand_out(slots: Slots) -> HandOut:
    """Return what can begin: what is claimed, and not assigned yet to one that can take it."""
    ready = [slot for slot in slots.threads if slot.report.ready]
    found = {slot.number: _oids(slot.unassigned()) for slot in ready}
    orders = {slot.number: new_order(slot, found[slot.number]) for slot in ready}
    reactor = slots.reactor.unassigned()[: slots.reactor_room]
    return HandOut(
        {number: oids for number, oids in found.items() if oids},
        _oids(reactor),
        frozenset(_oids(one for one in reactor if reaches_foreign(one))),
        slots.size,
        {number: order for number, order in orders.items() if order},
    )


def _oids(partials: Iterable[PartialRecord]) -> list[bytes]:
    return [one._p_oid for one in partials]
