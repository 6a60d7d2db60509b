"""Notes the progress of jobs in the database now and then, for processes on other machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zcasync.job.broken import broken
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.perform.progress import Progress, note
from zcasync.supervisor.poll.messages import Wish
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.wishes import granting

#: The first note of a job comes after so many seconds, the next ones after twice as many each.
FIRST_SECONDS = 5.0
LONGEST_SECONDS = 80.0


class ProgressNotes:
    """Decides which reports are worth a note: ever fewer, so that the database hardly grows."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._reports: dict[bytes, Progress] = {}
        self._next: dict[bytes, tuple[float, float]] = {}  # when, and the pause after that

    def report(self, oid: bytes, progress: Progress) -> None:
        """Keep what a job has reported."""
        self._reports[oid] = progress
        if oid not in self._next:
            self._next[oid] = (self._seconds() + FIRST_SECONDS, 2 * FIRST_SECONDS)

    def forget(self, oid: bytes) -> None:
        """Drop the reports of a job that has ended."""
        self._reports.pop(oid, None)
        self._next.pop(oid, None)

    def latest(self, oid: bytes) -> Progress | None:
        """Return what a job has reported last."""
        return self._reports.get(oid)

    def due(self) -> dict[bytes, Progress]:
        """Return the reports to be noted now, each once."""
        now = self._seconds()
        found = {}
        for oid, progress in self._reports.items():
            when, pause = self._next[oid]
            if now >= when:
                found[oid] = progress
                self._next[oid] = (now + pause, min(2 * pause, LONGEST_SECONDS))
        return found


def note_progress(progress: Mapping[bytes, Progress], records: EngineRecords) -> None:
    """Note reports (by the oids of their jobs) in the records of those that still run."""
    for oid, report in progress.items():
        with granting(Wish(oid)):
            partial = get(records.connection, oid, PartialRecord)
            if broken(partial) is not None or partial.claim is not records.incarnation:
                continue
            if partial.is_unfinished:
                note(partial, report)
