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
        """As operators see it."""
        return hex_oid(self.partial._p_oid)

    @property
    def is_done(self) -> bool:
        """Whether it is over, one way or the other."""
        return self.partial.state == COMPLETED

    @property
    def interruptions(self) -> int:
        """How often it was interrupted by the death of its child."""
        return self.partial.interruptions

    @property
    def seconds(self) -> float:
        """How long the call took, the last time."""
        started, ended = self.partial.started, self.partial.ended
        return 0.0 if started is None or ended is None else (ended - started).total_seconds()

    @property
    def problem(self) -> str | None:
        """Why it failed; None: it did not."""
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
        """See the database as it is now; returns the jobs that are done."""
        self._transactions.begin()
        return [job for job in self.all if job.is_done]

    def find(self, id: str | None) -> Job | None:  # noqa: A002
        """The job with this id; None when it is not one of ours."""
        return next((job for job in self.all if job.id == id), None)

    def interrupted(self) -> list[Job]:
        """Those that a death has interrupted."""
        return [job for job in self.all if job.interruptions]

    def problems(self) -> list[str]:
        """What went wrong with those that failed."""
        return [job.problem for job in self.all if job.problem is not None]

    def slowest(self, count: int) -> list[Job]:
        """The jobs whose call took longest."""
        return sorted(self.all, key=lambda job: -job.seconds)[:count]
