"""How long and how hard: ``make chaos SECONDS=600 SEED=1 JOBS=2000``, else the short version.

``make chaos POINT=child.job.voted`` is about one named point only, and ``STORAGE=relstorage`` has
that storage (tests/chaos/storages) instead of the embedded default's.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass

SHORT_SECONDS = 25.0
#: From so many seconds on it is the long version.
LONG_SECONDS = 120.0


@dataclass(frozen=True)
class Options:
    """What was asked for.  ``jobs`` None: as many as there is time for; ``point`` None: many.

    ``storage``: one of those in tests/chaos/storages.
    """

    seconds: float
    seed: int
    jobs: int | None
    point: str | None
    storage: str

    @property
    def is_long(self) -> bool:
        return self.seconds >= LONG_SECONDS


def options() -> Options:
    """From the environment; a seed that was not given is drawn."""
    jobs = os.environ.get("CHAOS_JOBS")
    return Options(
        float(os.environ.get("CHAOS_SECONDS") or SHORT_SECONDS),
        int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6)),
        int(jobs) if jobs else None,
        os.environ.get("CHAOS_POINT") or None,
        os.environ.get("CHAOS_STORAGE") or "embedded",
    )
