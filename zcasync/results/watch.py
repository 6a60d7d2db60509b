"""Watch: commits to a few records, heard of as soon as they are made."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from zcasync.database.hearing import Hearing

#: Where the storage tells of commits, a look is taken at least this often all the same, seconds.
LONGEST_SILENCE = 5.0
#: Where it does not, the pauses between looks double from the first to the longest, seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.25


class Watch(Hearing):
    """Waits for commits that write some of the records with these oids; used in a ``with`` block.

    What is committed from its beginning on is not missed.
    """

    def __init__(self, db: Any, oids: Collection[bytes]) -> None:
        self._oids = frozenset(oids)
        self._heard: set[bytes] = set()
        self._pause = FIRST_PAUSE
        super().__init__(db)

    def next(self, seconds: float) -> set[bytes] | None:
        """Wait for a commit, or for ``seconds``; return what was written since the last call.

        None: nothing was heard, and any of the records may have been written.
        """
        if not self.is_told:
            time.sleep(min(self._pause, seconds))
            self._pause = min(LONGEST_PAUSE, self._pause * 2)
            return None
        self.sleep(min(LONGEST_SILENCE, seconds))
        with self.lock:
            has_missed = self.rest()
            heard, self._heard = self._heard, set()
        self.settle()
        return heard if heard and not has_missed else None

    def wants(self, oids: Collection[bytes]) -> bool:
        """Return whether a commit is to be reported."""
        return self.watches(oids)

    def watches(self, oids: Collection[bytes]) -> bool:
        """Return whether some of these are waited for."""
        return not self._oids.isdisjoint(oids)

    def keep(self, oids: Collection[bytes]) -> bool:
        """Keep those that are waited for."""
        heard = self._oids.intersection(oids)
        self._heard |= heard
        return bool(heard)
