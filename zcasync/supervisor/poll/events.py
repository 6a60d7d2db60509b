"""Events between two poll passes, gathered for the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zcasync.job.aside import Missing
from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.children.interfaces import IChild, IChildPool
from zcasync.supervisor.children.prefetch import may_overtake, room
from zcasync.supervisor.poll.conflict_notes import ConflictNotes
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.supervisor.poll.progress_notes import ProgressNotes
from zcasync.supervisor.poll.slots import REACTOR

#: A job that has run for so long is looked at: is it over by its record?
LOOK_SECONDS = 3.0


class EventBuffer:
    """All that has happened since the last pass, and what is wanted; ``seconds``: the clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.progress = ProgressNotes(seconds)
        self.conflicts = ConflictNotes(seconds)
        self._seconds = seconds
        self._next = PassInput()
        self._cancelled: dict[bytes, str] = {}
        self._unseen: set[bytes] = set()  # those of them that no pass was given yet
        self._has_doubts = False

    def note_changes(self) -> None:
        """Note that something is committed that the pass has to see."""
        self._next.has_changes = True

    def note_returned(self, slot: int, oids: list[bytes]) -> None:
        """Note that a child has returned these jobs."""
        self._next.slot(slot).returned += oids

    def note_unreadable(self, slot: int, oid: bytes, problem: str) -> None:
        """Note that a child cannot load a job's record."""
        self._next.slot(slot).unreadable[oid] = problem

    def note_absent(self, oid: bytes, missing: Missing) -> None:
        """Note that code which a job needs is not there, so that it has not begun."""
        self._next.absent[oid] = missing
        self._next.has_changes = True

    def note_unretired(self, found: dict[int, dict[bytes, Completion]]) -> None:
        """Keep what a pass has left to the next one: by slot, with when and how each ended."""
        for slot, completed in found.items():
            mine = self._next.slot(slot)
            mine.completed = {**completed, **mine.completed}

    def note_death(self, slot: int, death: Death, idle: bool) -> None:
        """Note that the child in a slot is gone; in the reactor's: that which checks its jobs."""
        self._next.slot(slot).deaths.append((death, idle))
        self._next.has_changes = True

    def cancel(self, oid: bytes, who: str) -> None:
        """Note that a job is not wanted any more."""
        self._cancelled[oid] = who
        self._unseen.add(oid)

    def wanted(self, oids: Iterable[bytes]) -> list[bytes]:
        """Return those of a pass that were not cancelled meanwhile: those the next one ends."""
        return [oid for oid in oids if oid not in self._unseen]

    def note_cancelled(self, oids: Iterable[bytes]) -> None:
        """Note that a pass was made, in which these cancelled jobs have ended."""
        for oid in oids:
            self._cancelled.pop(oid, None)
        self._has_doubts = False

    def doubt_cancelled(self) -> None:
        """Have the next passes try whether they fail for what is cancelled, until one is made."""
        self._has_doubts = True

    def hand_over_cancelled(self) -> dict[bytes, str]:
        """Return what is still to be cancelled, and by whom; no later pass is given it."""
        left, self._cancelled = self._cancelled, {}
        return left

    def take(self, pool: IChildPool, reactor: SlotReport, *, is_last: bool) -> PassInput:
        """Return what is to be done now; leaves nothing of it for the next pass.

        ``reactor``: the state of the reactor jobs.
        """
        given, self._next = self._next, PassInput()
        ready = {child.slot for child in pool.ready()}
        for child in pool.children.values():
            self._take_report(child, child.slot in ready, given)
        given.is_last = is_last
        given.has_changes = given.has_changes or is_last
        given.cancelled = dict(self._cancelled)
        self._unseen.clear()
        given.has_doubts = self._has_doubts or is_last  # nothing is tried again behind the last one
        given.progress = self.progress.due()
        given.conflicts = self.conflicts.due(is_last=is_last)
        given.reactor = reactor
        reactor.deaths = given.slots.pop(REACTOR, SlotReport()).deaths
        return given

    def _take_report(self, child: IChild, is_ready: bool, given: PassInput) -> None:
        slot = given.slot(child.slot)
        slot.ready = is_ready
        slot.room = room(child, self._seconds()) if is_ready else 0
        slot.may_overtake = is_ready and may_overtake(child, self._seconds())
        report = child.take_report()
        slot.outstanding = report.outstanding
        slot.deferred = report.deferred
        slot.running = _running(child, self._seconds())
        slot.completed.update(report.completed)
        slot.returned += report.returned
        if report.progress is not None:
            self.progress.report(*report.progress)
        given.has_changes = given.has_changes or report.has_changes

    def put_back(self, given: PassInput) -> None:
        """Keep what a failed pass did not do for the next one."""
        for number, slot in given.slots.items():
            mine = self._next.slot(number)
            mine.completed = {**slot.completed, **mine.completed}
            mine.unreadable = {**slot.unreadable, **mine.unreadable}
            mine.returned[:0] = slot.returned
            mine.deaths[:0] = slot.deaths
        if given.reactor.deaths:
            self._next.slot(REACTOR).deaths[:0] = given.reactor.deaths
        self.conflicts.add(given.conflicts)
        self._next.absent = {**given.absent, **self._next.absent}
        self._next.has_changes = True


def _running(child: IChild, now: float) -> bytes | None:
    """Return the job that a child has been at for a while; None: there is none."""
    if not child.outstanding or now - child.job_since < LOOK_SECONDS:
        return None
    job = child.job_id()
    return next((oid for oid in child.outstanding if hex_oid(oid) == job), None)
