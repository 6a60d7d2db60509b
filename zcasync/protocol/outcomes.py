"""Endings: the ways in which a job can end in a child, as values that every process shares.

Each way becomes one of these and then goes one way: the supervisor checks the record and retires,
resumes, releases or ends the partial.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple


class Ending(StrEnum):
    """The ending that a child reports of a job that it is done with."""

    COMPLETED = "completed"  # committed, and nothing is left to do for it
    SETTLED = "settled"  # the record has it: for instance that it waits for another partial
    DEFERRED = "deferred"  # it returned a Deferred: begun, and neither running nor finished
    SKIPPED = "skipped"  # nothing was left to do: not active any more
    STORAGE = "storage"  # could not be stored, not even as a failure; try again later
    UNREADABLE = "unreadable"  # its record cannot be loaded in this child
    ABSENT = "absent"  # not begun: code that it needs is not there; the detail is a Missing
    SPENT = "spent"  # not begun: this child begins nothing more (of no job: only that)
    FENCED = "fenced"  # this engine was buried: nothing more may be committed


class Completion(NamedTuple):
    """When a job was completed, microseconds since 1970, and its ``job.outcome.Outcome``."""

    moment: int
    outcome: int = 0


@dataclass(frozen=True)
class Ended:
    """A child's report of jobs that it is done with; see ``zcasync.protocol.commands.Ended``."""

    oids: list[bytes]
    ending: Ending
    microseconds: int
    detail: str = ""
    completions: list[Completion] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the arguments of the command."""
        return {**vars(self), "ending": self.ending.value}
