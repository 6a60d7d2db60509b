"""ChildReport: what a child has reported, for its executors and for the next pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Completion, Ending


class EndedJob(NamedTuple):
    """A job that a child is done with, or whose Deferred it waits for."""

    oid: bytes
    ending: Ending
    detail: str


@dataclass(frozen=True)
class ChildReport:
    """The jobs of a child, and what of them no pass has seen yet."""

    outstanding: frozenset[bytes]  # all that is assigned to it
    deferred: frozenset[bytes]  # those of them that wait for a Deferred
    completed: dict[bytes, Completion]  # oid -> when, and how
    returned: list[bytes]  # that it has not begun
    progress: tuple[bytes, Progress] | None  # of the running job
    has_changes: bool  # it has committed something
