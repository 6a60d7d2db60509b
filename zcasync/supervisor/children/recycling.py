"""Recycling of children that have lived long enough: by jobs, age, memory kept after a job."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from twisted.logger import Logger

from zcasync.instance.settings import Settings
from zcasync.supervisor.children.state import WORKING, ChildState
from zcasync.text import megabytes

log = Logger()

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
        self._replacing: ChildState | None = None  # the one that another is to replace

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
        if child is self._replacing:
            self._replacing = None

    @property
    def is_replacing(self) -> bool:
        """True while a child is to be replaced, or ends for that."""
        return self._replacing is not None

    def next_to_go(self, children: Iterable[ChildState], *, has_other: bool) -> ChildState | None:
        """Return the child that is to be asked now to end, of those in slots; None: none is.

        One after the other; ``has_other``: another one is ready to take its place.
        """
        if self._replacing is None:
            due = (one for one in children if one.state in WORKING and self.why(one) is not None)
            self._replacing = next(due, None)
        child = self._replacing
        if child is None or child.state not in WORKING or not has_other:
            return None
        why = self.why(child)
        if why is None:
            return None
        which = f"child {child.pid} ({child.place})"
        log.info("{which} is replaced: {why}", which=which, why=why)
        return child

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
