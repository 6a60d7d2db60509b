"""The demo's jobs: put in one commit, then watched in the database."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zcasync.datamanager import find
from zcasync.demo.index import ROOT_KEY, FileBatch, Index
from zcasync.demo.source import Portion
from zcasync.errors import NotRunning
from zcasync.interfaces import COMPLETED
from zcasync.job.failure import is_failure
from zcasync.job.ids import hex_oid
from zcasync.partial import Partial


@dataclass(frozen=True)
class Job:
    """One job of the demo."""

    partial: Partial
    batch: FileBatch
    portion: Portion

    @property
    def id(self) -> str:
        """The id, as operators see it."""
        return hex_oid(self.partial._p_oid)

    @property
    def is_done(self) -> bool:
        """True once the job is completed, with success or not."""
        return self.partial.state == COMPLETED

    @property
    def interruptions(self) -> int:
        """The number of times that the job was interrupted by the death of its child."""
        return self.partial.interruptions

    @property
    def seconds(self) -> float:
        """The duration of the last attempt at the call; 0 while there is none."""
        started, ended = self.partial.started, self.partial.ended
        return 0.0 if started is None or ended is None else (ended - started).total_seconds()

    @property
    def problem(self) -> str | None:
        """The reason why the job failed; None: it did not."""
        result = self.partial.result
        return f"job {self.id}: {result.getErrorMessage()}" if is_failure(result) else None


class Jobs:
    """The jobs and the index that they make, seen through one connection."""

    def __init__(self, connection: Any, root: Path, portions: list[Portion]) -> None:
        """Put the jobs and commit.  Raises NotRunning when the database has no data manager."""
        self._connection = connection
        self._transactions = connection.transaction_manager
        self.index, partials = self._transactions.run(lambda: self._put(root, portions))
        self.all = [Job(*one) for one in zip(partials, self.index.batches, portions, strict=True)]

    def _put(self, root: Path, portions: list[Portion]) -> tuple[Index, list[Partial]]:
        manager = find(self._connection)
        if manager is None:
            raise NotRunning(
                "the database has no data manager yet: its supervisor has not finished starting"
            )
        index = Index(root, portions)
        self._connection.root()[ROOT_KEY] = index
        for one in (index, *index.batches):
            self._connection.add(one)
        return index, manager.thread.put_many(batch.fill for batch in index.batches)

    def look(self) -> list[Job]:
        """Begin a new transaction, to see what was committed; return the jobs that are done."""
        self._transactions.begin()
        return [job for job in self.all if job.is_done]

    def find(self, id: str | None) -> Job | None:  # noqa: A002
        """Return the job with this id; None when it is not one of the demo's."""
        return next((job for job in self.all if job.id == id), None)

    def interrupted(self) -> list[Job]:
        """Return the jobs that a death has interrupted."""
        return [job for job in self.all if job.interruptions]

    def problems(self) -> list[str]:
        """Return what went wrong with each job that failed."""
        return [job.problem for job in self.all if job.problem is not None]

    def slowest(self, count: int) -> list[Job]:
        """Return the jobs whose call took longest."""
        return sorted(self.all, key=lambda job: -job.seconds)[:count]
