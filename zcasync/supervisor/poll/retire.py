"""Retire: jobs that children have completed leave the claims for the completed ones.

Each time costs a record of claims and a page of completed ones, however many jobs it is for, so
they wait for each other: jobs that come one by one would cost a fifth more bytes, and a commit more
each.  Nothing depends on it: such a job has ended, and an engine that takes over the work of a dead
one reads that in its record.
"""

from __future__ import annotations

from collections.abc import Callable

from zcasync.interfaces import COMPLETED
from zcasync.job.completion import is_done
from zcasync.job.record import PartialRecord
from zcasync.supervisor.poll.slots import Slot, Slots
from zcasync.workers.completed import Completed
from zcasync.workers.incarnation import Incarnation

#: So many retire at once,
RETIRE_COUNT = 8
#: and fewer after so long.
RETIRE_SECONDS = 0.25


class Retiring:
    """Retires in the passes of one engine; ``seconds`` is the clock."""

    def __init__(self, incarnation: Incarnation, seconds: Callable[[], float]) -> None:
        self._incarnation = incarnation
        self._seconds = seconds
        self._since: float | None = None
        self._next: float | None = None  # the same once this pass is committed

    def retire(self, slots: Slots, completed: Completed, *, is_last: bool) -> int:
        """Drop what was returned or waits for another partial; retire what has ended, in its time.

        Returns how many have retired.
        """
        sorted_ = [self._sort(slot) for slot in slots]
        finished = [found for _, some in sorted_ for found in some]
        reported = {oid for slot in slots for oid in slot.report.completed}
        at_once = is_last or any(partial._p_oid not in reported for _, partial in finished)
        retires = self.is_time(len(finished), at_once)
        for slot, (kept, some) in zip(slots, sorted_, strict=True):
            if not retires:
                slot.unretired = {partial._p_oid: ended for ended, partial in some}
                kept = [*(partial for _, partial in some), *kept]
            slot.claims.keep(kept)
        if not retires or not finished:
            return 0
        by_end = sorted(finished, key=lambda found: found[0])
        completed.extend([partial for _, partial in by_end])
        return len(finished)

    def _sort(self, slot: Slot) -> tuple[list[PartialRecord], list[tuple[int, PartialRecord]]]:
        """Return what stays claimed, and what has ended, with when it ended."""
        kept, finished = [], []
        outstanding, completed = slot.report.outstanding, slot.report.completed
        for partial in slot.claims.items:
            if partial._p_oid in outstanding:
                kept.append(partial)
            elif partial._p_oid in completed:
                # Its child has seen the commit, so its record need not be loaded for this.
                finished.append((completed[partial._p_oid], partial))
            elif partial.claim is not self._incarnation:
                continue
            elif not is_done(partial):
                kept.append(partial)
            elif partial.state == COMPLETED:
                finished.append((partial.ended_at or 0, partial))
        return kept, finished

    def is_time(self, count: int, at_once: bool) -> bool:
        """Return whether ``count`` finished jobs are to be retired now.

        Safe to repeat when the pass has to be.
        """
        since = self._seconds() if self._since is None else self._since
        full = at_once or count >= RETIRE_COUNT or self._seconds() - since >= RETIRE_SECONDS
        self._next = None if full or not count else since
        return full

    def committed(self) -> None:
        """Note that the pass is committed for which ``is_time`` was called last."""
        self._since = self._next

    @property
    def delay(self) -> float:
        """The seconds until the next pass at the latest, for what is not retired now."""
        if self._next is None:
            return float("inf")
        return max(0.0, self._next + RETIRE_SECONDS - self._seconds())
