"""Isolation: a job that is to have a process of its own begins in a child that has begun none.

The child decides, by the job's record, so that nobody has to know before.  One that has begun a job
does not begin an isolated one, and one that has begun an isolated one begins no other: it is spent.
What it is given then it returns, and its supervisor replaces it.
"""

from __future__ import annotations

from zcasync.job.record import PartialRecord


class NotFresh(Exception):
    """A job is not begun by a child that has begun another one."""


class Isolation:
    """The question whether a child may begin a job; ``isolates_all``: each has its own child."""

    def __init__(self, isolates_all: bool = False) -> None:
        self.isolates_all = isolates_all
        self.has_begun = False  # any job
        self.is_spent = False

    def enter(self, partial: PartialRecord) -> None:
        """Note which job is about to begin.  Raises NotFresh where it may not begin here."""
        if self.isolates_all or partial.is_isolated:
            self.is_spent = True
            if self.has_begun:
                raise NotFresh

    def spend(self) -> None:
        """Begin no other job from now on."""
        self.is_spent = True


class NoIsolation(Isolation):
    """Jobs that run in threads of the application's process: none can have one of its own."""

    def enter(self, partial: PartialRecord) -> None:
        """Let it begin."""
