"""Random walks: histories by plain chance, as many as time allows.

A failure names its seed, and the shortest history that was found to end in the same way.
"""

from __future__ import annotations

import random

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.steps import HOW_OFTEN, Steps

#: A step and the seed of its chance, so that others can be left out.
Plan = list[tuple[str, int]]

#: How many steps a history has.
FEWEST, MOST = 4, 24
#: Looking costs as much as a step: it is done after so many, and always when a plan is given.
LOOK_EVERY = 3
#: The data manager is in a database of its own in one of so many histories.
APART_EVERY = 8


class Walk:
    """One history: of this plan, or chosen by the seed."""

    def __init__(self, seed: int, plan: Plan | None = None) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.is_apart = chance.randrange(APART_EVERY) == 0
        self.begins = [0, *chance.sample(range(3), chance.randint(0, 2))]
        steps = chance.randint(FEWEST, MOST)
        names = chance.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()), k=steps)
        names[:0] = ["put", "put"]
        self.plan = [(name, chance.getrandbits(32)) for name in names] if plan is None else plan
        self.look_every = LOOK_EVERY if plan is None else 1

    def run(self) -> None:
        """Take the steps, come to rest, and judge.  Raises AssertionError."""
        history = History(self.is_apart)
        self.steps = steps = Steps(history)
        try:
            for number in self.begins:
                history.restart(number)
            for number, (name, seed) in enumerate(self.plan, 1):
                steps.take(name, random.Random(seed))
                if number % self.look_every == 0:
                    history.expected.look()
            Rest(history).come_to_rest()
        except BaseException as error:
            error.add_note("\n".join(["steps:", *steps.taken, *history.world.notes]))
            raise
        finally:
            history.close()


def shortest(walk: Walk) -> Walk:
    """Leave out what is not needed for a walk to fail; its error may become another one."""
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
