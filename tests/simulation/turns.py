"""Turns: simulated processes in threads of which one runs at a time, in an order drawn by chance.

A process that comes to a place where it could meet others calls :meth:`Turns.pause`, and another
one may go on instead.  No two run at once, so that one seed always means the same order.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: How probable it is that a place hands over the turn; one of these for each time.
HOW_PROBABLE = (0.1, 0.3, 0.7)
#: Real time after which threads that wait for each other are given up, seconds.
STUCK_SECONDS = 60.0


@dataclass(eq=False)
class Turn:
    """What goes on in one thread.

    ``actors``: who acts there, the innermost last; ``twist``: what is to happen to whom.
    """

    actors: list[Any] = field(default_factory=list)
    twist: Any = None
    error: BaseException | None = None
    may_go: Callable[[], bool] = lambda: True  # whether what it waits for has happened
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def can_go(self) -> bool:
        """Whether nothing holds it up."""
        return self.may_go() and not any(actor.is_frozen for actor in self.actors)


class Turns:
    """Hands over the turn; ``current`` has it, and ``switches`` counts how often it went over."""

    def __init__(self) -> None:
        self.current = self._main = Turn()
        self.switches = 0
        self._others: list[Turn] = []  # those that are under way, with the current one
        self._chance = random.Random()
        self._probable = 0.0

    @property
    def are_taken(self) -> bool:
        """Whether several processes go on together."""
        return self.current is not self._main

    def together(self, tasks: list[Callable[[], None]], chance: random.Random) -> None:
        """Do these, each in a thread, until all have ended; raise what one of them has raised."""
        assert not self.are_taken
        self._chance, self._probable = chance, chance.choice(HOW_PROBABLE)
        turns = [Turn() for _ in tasks]
        for turn, task in zip(turns, tasks, strict=True):
            threading.Thread(target=self._do, args=(turn, task), daemon=True).start()
        self._others = turns[:]
        self._hand_over(self._main, chance.choice(turns))
        for turn in turns:
            if isinstance(turn.error, Exception):
                raise turn.error
            if turn.error is not None:
                raise RuntimeError("the end of a process was not noticed") from turn.error

    def _do(self, turn: Turn, task: Callable[[], None]) -> None:
        turn.baton.acquire()
        try:
            task()
        except BaseException as error:  # the thread that has asked for it gets it
            turn.error = error
        self._others.remove(turn)
        self._give(self._next(turn) or next(iter(self._others), self._main))

    def pause(self) -> None:
        """Perhaps another one goes on first; one that is frozen lets all others go on."""
        if self.are_taken:
            is_frozen = not self.current.can_go
            if is_frozen or self._chance.random() < self._probable:
                following = self._next(self.current)
                if following is not None:
                    self._hand_over(self.current, following)

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Let others go on until this is true; False: none of them can."""
        turn = self.current
        turn.may_go = condition
        while not condition():
            following = self._next(turn) if self.are_taken else None
            if following is None:
                break
            self._hand_over(turn, following)
        turn.may_go = Turn.may_go
        return condition()

    def _next(self, turn: Turn) -> Turn | None:
        able = [one for one in self._others if one is not turn and one.can_go]
        return self._chance.choice(able) if able else None

    def _give(self, turn: Turn) -> None:
        self.current = turn
        turn.baton.release()

    def _hand_over(self, turn: Turn, to: Turn) -> None:
        self.switches += 1
        self._give(to)
        if not turn.baton.acquire(timeout=STUCK_SECONDS):
            raise RuntimeError("simulated processes wait for each other outside of the simulation")
