"""Random walks: the same histories as the state machine's, by plain chance, and so much faster.

A failure names its seed; what hypothesis adds is that it shrinks.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulation.history import KINDS, PLANS, History
from tests.simulation.rest import Rest
from tests.simulation.world import Twist

#: How often each kind of step is chosen.
WEIGHTS = {
    "put": 10,
    "put_many": 4,
    "add_callback": 10,
    "interfere": 3,
    "make_pass": 20,
    "work": 28,
    "touch_a_child": 4,
    "stop_a_supervisor": 5,
    "go_on": 8,
    "advance": 8,
}


class Walk:
    """One history, chosen by the seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.history = History()
        self.taken: list[str] = []

    def run(self, steps: int) -> None:
        """Take so many steps, come to rest, and judge.  Raises AssertionError."""
        try:
            self.history.restart(0)
            for number in self.chance.sample(range(3), 2):
                self.history.restart(number)
            for name in self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()), k=steps):
                self.taken.append(name)
                step: Callable[[], None] = getattr(self, f"_{name}")
                step()
                self.history.expected.look()
            Rest(self.history).come_to_rest()
        except BaseException as error:
            error.add_note("\n".join(["steps:", *self.taken, *self.history.world.notes]))
            raise
        finally:
            self.history.close()

    def _number(self) -> int:
        return self.chance.randrange(12)

    def _twist(self, plans: tuple[str, ...] = PLANS, often: float = 0.4) -> Twist | None:
        if self.chance.random() > often:
            return None
        plan, nth = self.chance.choice(plans), self.chance.choice([0, 0, 0, 1, 2])
        self.taken[-1] += f" ({plan} at {nth})"
        return self.history.plan(plan, nth, self._number())

    def _put(self) -> None:
        kind = self.chance.choice(["counts", *KINDS])
        after = self.chance.choice([0, 0, 0, 0, 3, 3600])
        by = self.chance.choice([None] * 7 + [0, 30])
        worker = (self.chance.randrange(3), self.chance.random() < 0.5)
        workers = worker if self.chance.random() < 0.2 else None
        twist = self._twist(("doubt lost", "doubt after", "pass", "work", "put"), 0.2)
        self.history.put(kind, self._number(), after, by, workers, twist)

    def _put_many(self) -> None:
        self.history.put_many(self._number(), self.chance.randint(2, 6))

    def _add_callback(self) -> None:
        twist = self._twist(("work", "work and pass", "work and pass", "pass"), 0.6)
        self.history.add_callback(self._number(), self._number(), twist)

    def _interfere(self) -> None:
        if self.chance.random() < 0.5:
            self.history.cancel(self._number())
        else:
            self.history.set_size(self._number(), self.chance.choice([0, 1, 2, 3, 3]))

    def _make_pass(self) -> None:
        self.history.make_pass(self._number(), self.chance.random() < 0.8, self._twist(often=0.3))

    def _work(self) -> None:
        self.history.work(self._number(), self._twist())

    def _touch_a_child(self) -> None:
        what = self.chance.choice(["begin", "kill_child", "take_back"])
        getattr(self.history, what)(self._number())

    def _stop_a_supervisor(self) -> None:
        what = self.chance.choice(["kill", "freeze", "kill", "freeze", "stop"])
        if what == "stop":
            self.history.stop(self._number())
        else:
            getattr(self.history, what)(self._number(), self.chance.random() < 0.5)

    def _go_on(self) -> None:
        self.history.thaw()
        self.history.restart(self._number())

    def _advance(self) -> None:
        self.history.world.storage_offset = self.chance.choice([-1e6, 0.0, 1e6])
        self.history.world.advance(self.chance.choice([0.4, 3.0, 12.0, 55.0]))
