"""Retiring: when jobs that children have completed leave the claims for the completed ones.

Each time costs a record of claims and a page of completed ones, however many jobs it is for, so
they wait for each other: jobs that come one by one would cost a fifth more bytes, and a commit more
each.  Nothing depends on it: such a job is over, and whoever takes over from a dead engine sees so.
"""

from __future__ import annotations

from collections.abc import Callable

#: So many retire at once,
RETIRE_COUNT = 8
#: and fewer after so long.
RETIRE_SECONDS = 0.25


class Retiring:
    """Says of each pass whether to retire; ``seconds`` is the clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._next: float | None = None  # the same once this pass is committed

    def is_time(self, count: int, at_once: bool) -> bool:
        """Whether ``count`` jobs that are completed are to be retired now.

        Safe to repeat when the pass has to be.
        """
        since = self._seconds() if self._since is None else self._since
        full = at_once or count >= RETIRE_COUNT or self._seconds() - since >= RETIRE_SECONDS
        self._next = None if full or not count else since
        return full

    def committed(self) -> None:
        """What was said last is done."""
        self._since = self._next

    @property
    def delay(self) -> float:
        """Until the next pass at the latest, for what is not retired now; seconds."""
        if self._next is None:
            return float("inf")
        return max(0.0, self._next + RETIRE_SECONDS - self._seconds())
