"""Generations: a reload begins a new one of children, which import anew; the old ones go then.

The first child of a new generation has to show that it can boot.  Where it cannot, the old ones go
on as if nobody had asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from zcasync import clock
from zcasync.supervisor.children.backoff import OUTPUT_LINES
from zcasync.supervisor.children.state import WORKING, ChildState, State

log = Logger()

#: An old child that was asked to end, and has a job for longer than this, holds up no other one.
PATIENCE_SECONDS = 1.0


class Stage(StrEnum):
    """The stages of a reload, in the words of ``status --json``."""

    BOOTING = "booting"  # its first child
    REPLACING = "replacing"  # that works, and old children end after their jobs
    DONE = "done"  # no old child is left
    FAILED = "failed"  # the old children go on


@dataclass
class Reload:
    """One reload; ``since``: when it was asked for, microseconds.

    ``problem``: why it has failed; ``output``: the last lines of the child that could not boot.
    """

    generation: int
    since: int
    stage: Stage = Stage.BOOTING
    problem: str | None = None
    output: tuple[str, ...] = ()

    def as_dict(self, old: int) -> dict[str, Any]:
        """Return it as ``status --json`` has it; ``old``: so many old children are left."""
        return {
            "generation": self.generation,
            "state": self.stage.value,
            "since": clock.to_datetime(self.since).isoformat(timespec="seconds"),
            "old": old,
            "problem": self.problem,
            "output": list(self.output[-OUTPUT_LINES:]),
        }


class Generations:
    """Knows which children of a pool are old, and what has become of the last reload."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.newest = 1  # of children that are started now
        self.last: Reload | None = None
        self._works = 1  # the newest one that has shown that it can boot
        self._seconds = seconds
        self._asked: dict[ChildState, float] = {}  # old ones, and when they were asked to end
        self._waiting: list[Deferred[Reload]] = []

    def begin(self) -> Deferred[Reload]:
        """Begin a new generation; fires once that works, or has failed; never with a Failure.

        Where another reload begins before that, its outcome is that of both: what is started for
        this one may have imported too early for the other.
        """
        self.newest += 1
        self.last = Reload(self.newest, clock.now())
        decided: Deferred[Reload] = Deferred()
        self._waiting.append(decided)
        log.info("reload: generation {number} of children begins", number=self.newest)
        return decided

    def is_old(self, child: ChildState) -> bool:
        """Return whether a child is to be replaced by one of a newer generation."""
        return child.generation < self._works

    def note_ready(self, child: ChildState) -> None:
        """Note that a child has booted: with the first one of a new generation that works."""
        if self._is_open and child.generation == self.newest:
            self._works = self.newest
            log.info("reload: a new child works, the old ones end after their jobs")
            self._decide(Stage.REPLACING)

    def fail(self, problem: str, output: tuple[str, ...] = ()) -> None:
        """Note that the new generation cannot boot, with the last lines that it has printed."""
        if self._is_open:
            log.error("reload failed, the old children go on: {problem}", problem=problem)
            assert self.last is not None
            self.last.problem, self.last.output = problem, output
            self._decide(Stage.FAILED)

    def stop(self) -> None:
        """Decide what is open: no child is replaced any more.  Safe to repeat."""
        if self._is_open:
            assert self.last is not None
            self.last.problem = "the children were stopped before a new one was ready"
            self._decide(Stage.FAILED)

    def look(self, children: Iterable[ChildState]) -> None:
        """Note it when none of these children is old any more."""
        if self.last is None or self.last.stage != Stage.REPLACING:
            return
        if not any(self.is_old(child) for child in children):
            self._asked.clear()
            self.last.stage = Stage.DONE
            log.info("reload: all children are of generation {number}", number=self.newest)

    def next_to_go(self, children: Iterable[ChildState], *, has_other: bool) -> ChildState | None:
        """Return the old child that is to be asked now to end; None: none is.

        ``has_other``: another one is ready to take its place.  Idle ones go first.  That one waits
        for the place of the child that was asked last, but not while that is at a long job.
        """
        alive = {one: since for one, since in self._asked.items() if one.state != State.GONE}
        self._asked = alive
        is_promised = not all(self._lasts(one, since) for one, since in alive.items())
        old = [one for one in children if self.is_old(one) and one.state in WORKING]
        if not has_other or is_promised or not old:
            return None
        child = min(old, key=lambda one: len(one.outstanding))
        self._asked[child] = self._seconds()
        return child

    def _lasts(self, child: ChildState, since: float) -> bool:
        """Return whether a child that was asked to end at that moment may not do so soon."""
        if child.should_be_gone:
            return child.frozen_seconds is not None
        return self._seconds() - since >= PATIENCE_SECONDS

    def as_dict(self, children: Iterable[ChildState]) -> dict[str, Any] | None:
        """Return the last reload as ``status --json`` has it; None: there was none."""
        if self.last is None:
            return None
        return self.last.as_dict(sum(map(self.is_old, children)))

    @property
    def _is_open(self) -> bool:
        return self.last is not None and self.last.stage == Stage.BOOTING

    def _decide(self, stage: Stage) -> None:
        assert self.last is not None
        self.last.stage = stage
        waiting, self._waiting = self._waiting, []
        for decided in waiting:
            decided.callback(self.last)
