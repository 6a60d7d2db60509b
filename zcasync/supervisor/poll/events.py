"""Gathers between two poll passes what the next one is to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from zcasync.liveness.death import Death
from zcasync.supervisor.children.prefetch import room
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.supervisor.poll.progress_notes import ProgressNotes


class EventBuffer:
    """What has happened since the last pass, and what somebody wants; ``seconds``: the clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.noting = ProgressNotes(seconds)
        self._seconds = seconds
        self._work = PassInput()
        self._cancelled: dict[bytes, str] = {}

    def note_news(self) -> None:
        """Somebody has committed what the pass has to see."""
        self._work.news = True

    def note_returned(self, slot: int, oids: list[bytes]) -> None:
        """A child has given these back."""
        self._work.slot(slot).returned += oids

    def note_unreadable(self, slot: int, oid: bytes, problem: str) -> None:
        """A child cannot load a job's record."""
        self._work.slot(slot).unreadable[oid] = problem

    def note_unretired(self, found: dict[int, dict[bytes, int]]) -> None:
        """A pass has left these to the next one: by slot, with when each was completed."""
        for slot, completed in found.items():
            mine = self._work.slot(slot)
            mine.completed = {**completed, **mine.completed}

    def note_death(self, slot: int, death: Death, idle: bool) -> None:
        """The child in a slot is gone."""
        self._work.slot(slot).deaths.append((death, idle))
        self._work.news = True

    def cancel(self, oid: bytes, who: str) -> None:
        """Somebody does not want a job any more."""
        self._cancelled[oid] = who

    def note_cancelled(self, oids: Iterable[bytes]) -> None:
        """These are ended."""
        for oid in oids:
            self._cancelled.pop(oid, None)

    def take(self, pool: Any, reactor_jobs: Any, is_running: bool) -> PassInput:
        """What is to be done now; leaves nothing of it for the next pass."""
        work, self._work = self._work, PassInput()
        if pool is None or reactor_jobs is None:
            return work
        ready = {child.slot for child in pool.ready()}
        for child in pool.children.values():
            self._look_at(child, child.slot in ready, work)
        work.is_last = not is_running
        work.news = work.news or work.is_last
        work.cancelled = dict(self._cancelled)
        work.progress = self.noting.due()
        work.reactor.ready = is_running
        work.reactor.outstanding = frozenset(reactor_jobs.running) | reactor_jobs.deferred
        work.reactor.deferred = frozenset(reactor_jobs.deferred)
        return work

    def _look_at(self, child: Any, is_ready: bool, work: PassInput) -> None:
        slot: SlotReport = work.slot(child.slot)
        slot.ready = is_ready
        slot.outstanding = frozenset(child.outstanding) | child.deferred
        slot.deferred = frozenset(child.deferred)
        slot.room = room(child, self._seconds()) if is_ready else 0
        if child.unseen_progress and child.outstanding and child.progress is not None:
            child.unseen_progress = False
            self.noting.report(child.outstanding[0], child.progress)
        slot.completed.update(child.completed)
        slot.returned += child.given_back
        child.completed, child.given_back = {}, []
        work.news = work.news or child.has_news
        child.has_news = False

    def put_back(self, work: PassInput) -> None:
        """Keep what a failed pass did not do for the next one."""
        for number, slot in work.slots.items():
            mine = self._work.slot(number)
            mine.completed = {**slot.completed, **mine.completed}
            mine.unreadable = {**slot.unreadable, **mine.unreadable}
            mine.returned[:0] = slot.returned
            mine.deaths[:0] = slot.deaths
        self._work.news = True
