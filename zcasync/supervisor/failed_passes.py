"""The steps after passes that fail, but not because of the storage: a fresh start, in two sizes.

Such an error comes of something that the engine has in its memory, or of what is in the records.
For the first a new connection is enough, or a new engine; the second an operator has to see, so it
is logged in full.  To go on as before would be to wait for nothing.
"""

from __future__ import annotations

from enum import Enum, auto

from zcasync.database.errors import is_storage_lost

#: After so many in a row the next pass is made over a fresh connection ...
FAILURES_BEFORE_CONNECTION = 3
#: ... and after so many by a new engine.
FAILURES_BEFORE_ENGINE = 6

#: The pause after a pass that failed, seconds; doubled each time up to the longest.
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class BrokenEngine(Exception):
    """The passes of an engine fail, and do not because of the storage."""


class Step(Enum):
    """The answer to a failed pass, besides another one."""

    NONE = auto()
    CONNECTION = auto()
    ENGINE = auto()


class FailedPasses:
    """Counts the failures in a row of one engine, and paces its tries."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE_SECONDS
        self._unexpected = 0

    def passed(self) -> None:
        """Begin anew: a pass was made."""
        self._pause, self._unexpected = FIRST_PAUSE_SECONDS, 0

    def pause(self) -> float:
        """Return the seconds until the next try."""
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        return pause

    def step_after(self, error: BaseException) -> Step:
        """Return what to do besides another try."""
        if is_storage_lost(error):
            self._unexpected = 0  # once the storage is back, all is loaded anew
            return Step.NONE
        self._unexpected += 1
        if self._unexpected == FAILURES_BEFORE_ENGINE:
            return Step.ENGINE
        is_due = self._unexpected % FAILURES_BEFORE_CONNECTION == 0
        return Step.CONNECTION if is_due else Step.NONE
