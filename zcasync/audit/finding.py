"""Finding: one thing that is wrong with the records of a database, and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any

from zcasync.job.ids import hex_oid, id_of
from zcasync.salvage.records import Loss


class Kind(StrEnum):
    """The kinds of findings."""

    LOST = "lost"  # nobody will ever find what is left to do
    TWICE = "twice"  # in more places than one
    MISPLACED = "misplaced"  # held by a worker that may not run it
    STUCK = "stuck"  # waits for a result that will not come
    COUNT = "count"  # a number is not that of what is there
    MISSING = "missing"  # a record refers to one that is not there
    BROKEN = "broken"  # a record cannot be loaded


class Remedy(Enum):
    """The changes that set findings right."""

    FILE = "it waits in its queue again, at its due time"
    RELEASE = "it is released, to wait in its queue again"
    RESUME = "workers run its callbacks after 15 s"
    DROP_CLAIMS = "the claims that are too many are dropped"
    DROP_COMPLETED = "it stays once among the completed jobs"
    ADOPT = "it gets that job's result"
    LISTEN = "that job will hand its result on to it"
    SALVAGE = "it is begun anew; jobs that are lost then wait again"
    COUNT_WAITING = "the count is set right"
    COUNT_HELD = "the counts of held jobs are set right"
    NUMBER_PAGES = "the pages are numbered again"
    END_LANE = "the lane ends before that; jobs that are lost then wait again"
    NOTE_DEADLINE = "its deadline is noted again"
    COUNT_COMPLETED = "the count of completed jobs is set right"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    ``oid``: of the job, else of the record with the wrong count; ``id``: the same as operators
    write it.  ``problem``: a sentence.  ``remedy``: None where no repair can help; then ``advice``
    may say what to do.
    """

    kind: Kind
    oid: bytes
    id: str
    problem: str
    remedy: Remedy | None = None
    advice: str | None = None

    @classmethod
    def about(
        cls,
        obj: Any,
        kind: Kind,
        problem: str,
        remedy: Remedy | None = None,
        advice: str | None = None,
    ) -> Finding:
        """Return a finding about a stored object."""
        return cls(kind, obj._p_oid, id_of(obj), problem, remedy, advice)

    @classmethod
    def of_loss(cls, loss: Loss) -> Finding:
        """Return the finding about a record that holds others, and cannot be loaded."""
        kind = Kind.MISSING if "is missing" in loss.problem else Kind.BROKEN
        text = f"{loss.what} is damaged: {loss.problem}"
        return cls(kind, loss.oid, hex_oid(loss.oid), text, Remedy.SALVAGE)

    def __str__(self) -> str:
        return f"{self.kind}: {self.id}: {self.problem}"

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as ``check --deep --json`` has it."""
        remedy = None if self.remedy is None else self.remedy.value
        return {
            "kind": self.kind.value,
            "id": self.id,
            "problem": self.problem,
            "remedy": remedy,
            "advice": self.advice,
        }
