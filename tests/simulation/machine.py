"""The same histories as a hypothesis state machine: it chooses the steps, and shrinks failures."""

from __future__ import annotations

import random
import time

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.steps import HOW_OFTEN, Step, Steps
from tests.simulation.tally import Tally
from tests.simulation.world import IDLE_LANE_SECONDS

#: Hypothesis is asked for so many histories at a time.
AT_ONCE = 25
PROFILE = settings(
    max_examples=AT_ONCE,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)

names = st.sampled_from([name for name, often in HOW_OFTEN.items() for _ in range(often)])
together = st.lists(st.tuples(names, st.integers(0, 1000)), min_size=2, max_size=4)
chances = st.randoms(use_true_random=False)


class Simulation(RuleBasedStateMachine):
    """Whatever happens: nothing is lost, and nothing is done twice."""

    tally = Tally()

    @initialize(
        number=st.integers(0, 2),
        apart=st.sampled_from([False] * 7 + [True]),
        idle_lane=st.sampled_from([IDLE_LANE_SECONDS, 4.0]),
    )
    def begin(self, number: int, apart: bool, idle_lane: float) -> None:
        self.history = History(apart, idle_lane)
        self.steps = Steps(self.history)
        self.history.restart(0)
        self.history.restart(number)

    @rule(name=names, chance=chances)
    def take_a_step(self, name: str, chance: random.Random) -> None:
        self.steps.do(name, chance)

    @rule(step=together)
    def take_several_steps_together(self, step: Step) -> None:
        self.steps.take(tuple(step))

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        self.history.expected.look()

    def teardown(self) -> None:
        if not hasattr(self, "steps"):
            return
        try:
            Rest(self.history).come_to_rest()
            self.tally.add(self.steps)
        finally:
            self.history.close()


def explore(seed: int, seconds: float) -> Tally:
    """As many histories as the time allows, and a few in any case.  Raises AssertionError."""
    Simulation.tally = Tally()
    until = time.monotonic() + seconds
    while True:
        run_state_machine_as_test(seeded(seed)(Simulation), settings=PROFILE)
        seed += 1
        if time.monotonic() >= until:
            return Simulation.tally
