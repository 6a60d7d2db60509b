"""Commits: what others write to a database, heard of as soon as it is written."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any

from zcasync.database.hearing import Hearing

#: More oids than these are not remembered.
MOST_OIDS = 10_000
#: The pause of those who are told of no commits, seconds.
PAUSE = 0.25


class Commits(Hearing):
    """Listens to the commits of a database; used in a ``with`` block."""

    def __init__(self, db: Any) -> None:
        self._heard: list[frozenset[bytes]] = []
        self._count = 0
        super().__init__(db)

    def wait(self, seconds: float) -> None:
        """Wait for a commit or for ``seconds``, or less where the storage tells of none."""
        if self.is_told:
            self.sleep(seconds)
        else:
            time.sleep(min(PAUSE, seconds))

    def take(self) -> list[frozenset[bytes]] | None:
        """Return the oids that each commit since the last call has written; None: not known."""
        with self.lock:
            has_missed = self.rest()
            heard, self._heard, self._count = self._heard, [], 0
        self.settle()
        return None if has_missed or not self.is_told else heard

    def keep(self, oids: Collection[bytes]) -> bool:
        """Keep all oids of a commit, as long as there are not too many."""
        self._count += len(oids)
        if self._count > MOST_OIDS:
            self.miss()
        else:
            self._heard.append(frozenset(oids))
        return True
