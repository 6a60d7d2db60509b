"""ConflictNotes: the conflicts of the jobs, gathered, and given to a pass only now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zcasync.job.conflict_counts import Conflict, ConflictCounts, ObjectConflicts

#: They are written no more often than this, seconds; an engine's last pass writes what is left.
INTERVAL_SECONDS = 10.0


class ConflictNotes:
    """What was counted and nobody has written yet; ``seconds`` is the clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._counts = ConflictCounts()
        self._next = float("-inf")

    def note(self, conflict: Conflict) -> None:
        """Count the conflict of a job of this process."""
        self._counts.add(conflict)

    def add(self, found: Iterable[ObjectConflicts]) -> None:
        """Add what a child has counted, or what a failed pass could not write."""
        self._counts.merge(found)

    def due(self, *, is_last: bool = False) -> list[ObjectConflicts]:
        """Return what is to be written now, each once; nothing where it was written just before."""
        now = self._seconds()
        if not self._counts or (now < self._next and not is_last):
            return []
        self._next = now + INTERVAL_SECONDS
        return self._counts.take()
