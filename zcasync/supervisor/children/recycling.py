"""Recycling of children that have lived long enough: by jobs, age, memory kept after a job."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from zcasync.instance.settings import Settings
from zcasync.supervisor.children.state import ChildState
from zcasync.text import megabytes

#: Limits differ by up to so much, so that children that began together do not end together.
JITTER = 0.1


@dataclass(frozen=True)
class Lifetime:
    """The limits of one child: jobs, and seconds on the reactor's clock."""

    jobs: int | None
    seconds: float


class Recycling:
    """The limits of the children; reports when a child has reached its own.

    ``uniform(low, high)``: where chance comes from.
    """

    def __init__(
        self,
        settings: Settings,
        seconds: Callable[[], float],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings = settings
        self._seconds = seconds
        self._uniform = uniform
        self._lifetimes: dict[int, Lifetime] = {}  # pid -> limits

    def begin(self, child: ChildState) -> None:
        """Give limits to a child that was started."""
        jobs, age = (self._uniform(1 - JITTER, 1 + JITTER) for _ in range(2))
        self._lifetimes[child.pid] = Lifetime(
            max(1, round(self._settings.max_jobs * jobs)) if self._settings.max_jobs else None,
            self._seconds() + self._settings.max_age * age,
        )

    def end(self, child: ChildState) -> None:
        """Drop the limits of a child that is gone."""
        self._lifetimes.pop(child.pid, None)

    def why(self, child: ChildState) -> str | None:
        """Return the reason why the child is to be replaced; None while it is not.

        One that holds jobs that wait for a Deferred is left alone: it would have to wait for them.
        """
        lifetime, limit = self._lifetimes[child.pid], self._settings.recycle_memory
        if child.deferred:
            return None
        if lifetime.jobs is not None and child.jobs_done >= lifetime.jobs:
            return f"it has done {child.jobs_done} jobs (max-jobs)"
        if self._seconds() >= lifetime.seconds:
            return "it is old (max-age)"
        if limit is not None and child.jobs_done and child.rss_at_rest > limit:
            return f"it keeps {megabytes(child.rss_at_rest)} after a job (recycle-memory)"
        return None
