"""The slots of a pass: those of the children and the reactor, all in one shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from functools import cached_property

from zcasync.job.record import PartialRecord
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.workers.claims import ClaimList, SizedSequence
from zcasync.workers.worker import Worker

#: The number of the reactor's slot.
REACTOR = -1


class Slot:
    """The claims for a child, or for the reactor, and what was reported of it.

    ``sequence``: the one that ``claims`` belongs to; ``room``: so many more jobs may be claimed.
    """

    def __init__(
        self, number: int, claims: ClaimList, sequence: SizedSequence, report: SlotReport, room: int
    ) -> None:
        self.number = number
        self.claims = claims
        self.sequence = sequence
        self.report = report
        self.room = room
        #: Finished jobs that stay claimed until a later pass retires them: oid -> Completion.
        self.unretired: dict[bytes, Completion] = {}

    @cached_property
    def accounted(self) -> Set[bytes]:
        """The oids whose fate the child knows: assigned to it, or completed."""
        return self.report.outstanding | self.report.completed.keys()

    def unaccounted(self) -> list[PartialRecord]:
        """Return what is claimed and not among these."""
        return [one for one in self.claims.items if one._p_oid not in self.accounted]

    def unassigned(self) -> list[PartialRecord]:
        """Return what is claimed, and neither assigned to the child nor finished."""
        rest = self.report.outstanding | self.unretired.keys()
        return [one for one in self.claims.items if one._p_oid not in rest]

    def count_ahead(self) -> int:
        """Return how many jobs the child has to do before it does another one."""
        rest = self.report.deferred | self.unretired.keys()
        return sum(one._p_oid not in rest for one in self.claims.items)

    def how_busy(self) -> tuple[bool, int]:
        """Return a sort key: the smaller, the sooner the child can do something."""
        return not self.report.ready, len(self.report.outstanding)

    def move(self, partials: Iterable[PartialRecord], to: Slot) -> None:
        """Claim these for another slot."""
        moved = tuple(partials)
        if moved:
            self.claims.keep(one for one in self.claims.items if one not in moved)
            to.claims.items += moved


class Slots:
    """All slots of a worker as one try of a pass finds them.

    The sizes count as they are in this transaction: a pause holds at once.  ``size``: so many
    children, where they may not be as many as the worker's record says.
    """

    def __init__(self, worker: Worker, given: PassInput, size: int | None = None) -> None:
        self.size = worker.thread.size if size is None else size
        lists = worker.thread.lists(max([self.size, *(number + 1 for number in given.slots)]))
        #: One for each child, beyond the size too while something is left in it.
        self.threads: list[Slot] = []
        for number, claims in enumerate(lists):
            report = given.slots.get(number, SlotReport())
            room = report.room if number < self.size else 0
            self.threads.append(Slot(number, claims, worker.thread, report, room))
        running = given.reactor.outstanding - given.reactor.deferred
        #: So many reactor jobs may begin; of a dead engine more can be left over.
        self.reactor_room = max(0, worker.reactor.size - len(running))
        room = self.reactor_room if given.reactor.ready else given.reactor.room
        claims = worker.reactor.lists(1)[0]
        self.reactor = Slot(REACTOR, claims, worker.reactor, given.reactor, room)
        self._worker = worker

    def __iter__(self) -> Iterator[Slot]:
        yield from self.threads
        yield self.reactor

    def idlest(self) -> ClaimList:
        """Return the claims of the thread slot in which something is done soonest."""
        if not self.threads:
            return self._worker.thread.lists(1)[0]
        return min(self.threads, key=Slot.how_busy).claims

    def unretired(self) -> dict[int, dict[bytes, Completion]]:
        """Return the finished jobs that stay claimed, by slot."""
        return {slot.number: slot.unretired for slot in self if slot.unretired}
