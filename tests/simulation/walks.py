"""Random walks: histories by plain chance, as many as time allows.

A failure names its seed, and the shortest history that was found to end in the same way.
"""

from __future__ import annotations

import gc
import random

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.steps import HOW_OFTEN, HOW_OFTEN_BETWEEN, HOW_OFTEN_TOGETHER, Step, Steps
from tests.simulation.world import IDLE_LANE_SECONDS

#: Each step has the seeds of its chance, so that others can be left out.
Plan = list[Step]

#: How many steps a history has.
FEWEST, MOST = 4, 24
#: Looking costs as much as a step: it is done after so many, and always when a plan is given.
LOOK_EVERY = 3
#: In half of the histories, one of so many steps is several that are taken together.
TOGETHER_EVERY = 2
#: So many are.
TOGETHER = (2, 2, 2, 3, 4)
#: The data manager is in a database of its own in one of so many histories.
APART_EVERY = 8


class Walk:
    """One history: of this plan, or chosen by the seed."""

    def __init__(self, seed: int, plan: Plan | None = None) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.is_apart = chance.randrange(APART_EVERY) == 0
        self.begins = [0, *chance.sample(range(3), chance.randint(0, 2)), *chance.sample((1, 2), 1)]
        self.idle_lane = chance.choice([IDLE_LANE_SECONDS, IDLE_LANE_SECONDS, 4.0])
        self.plan = made_by(chance) if plan is None else plan
        self.look_every = LOOK_EVERY if plan is None else 1

    def run(self) -> None:
        """Take the steps, come to rest, and judge.  Raises AssertionError."""
        gc.disable()  # what it takes away is loaded again, which is one more place to meet at
        try:
            self._run()
        finally:
            gc.enable()

    def _run(self) -> None:
        history = History(self.is_apart, self.idle_lane)
        self.steps = steps = Steps(history)
        try:
            for number in self.begins:
                history.restart(number)
            for number, step in enumerate(self.plan, 1):
                steps.take(step)
                if number % self.look_every == 0:
                    history.expected.look()
            Rest(history).come_to_rest()
        except BaseException as error:
            error.add_note("\n".join(["steps:", *steps.taken, *history.world.notes]))
            raise
        finally:
            history.close()


def made_by(chance: random.Random) -> Plan:
    """A plan by chance."""
    are_together = chance.random() < 0.5

    def step() -> Step:
        together = are_together and chance.randrange(TOGETHER_EVERY) == 0
        count = chance.choice(TOGETHER) if together else 1
        between = HOW_OFTEN_BETWEEN if are_together else HOW_OFTEN
        weights = HOW_OFTEN_TOGETHER if together else between
        names = chance.choices(list(weights), list(weights.values()), k=count)
        return tuple((name, chance.getrandbits(32)) for name in names)

    first: Plan = [(("put", chance.getrandbits(32)),) for _ in range(2)]
    return first + [step() for _ in range(chance.randint(FEWEST, MOST))]


def shortest(walk: Walk) -> Walk:
    """Leave out what is not needed for a walk to fail; its error may become another one."""
    walk = _without_steps(walk)
    for number, step in enumerate(walk.plan):
        for part in step:
            left = tuple(one for one in walk.plan[number] if one is not part)
            tried = Walk(walk.seed, [*walk.plan[:number], left, *walk.plan[number + 1 :]])
            if left and fails(tried):
                walk = tried
    return walk


def _without_steps(walk: Walk) -> Walk:
    size = len(walk.plan)
    while size:
        begin = 0
        while begin < len(walk.plan):
            tried = Walk(walk.seed, walk.plan[:begin] + walk.plan[begin + size :])
            if fails(tried):
                walk = tried
            else:
                begin += size
        size //= 2
    return walk


def fails(walk: Walk) -> bool:
    """Whether a history ends badly."""
    try:
        walk.run()
    except Exception:  # whatever it is, it is what is looked for
        return True
    return False
