"""The histories as a hypothesis state machine: it chooses what comes next, and shrinks failures."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.history import KINDS, PLANS, History
from tests.simulation.rest import Rest

numbers = st.integers(0, 11)
#: At which commit of a piece of work something happens; most have one.
places = st.sampled_from([0, 0, 0, 1, 2])
kinds = st.sampled_from(["counts", "counts", "counts", *KINDS])
twists = st.none() | st.tuples(st.sampled_from(PLANS), places, numbers)
client_plans = st.sampled_from(["doubt lost", "doubt after", "pass", "work", "put"])
client_twists = st.none() | st.tuples(client_plans, places, numbers)
callback_plans = st.sampled_from(["work", "work and pass", "pass"])
callback_twists = st.none() | st.tuples(callback_plans, places, numbers)
restrictions = st.none() | st.none() | st.tuples(st.integers(0, 2), st.booleans())


class Simulation(RuleBasedStateMachine):
    """Whatever happens: nothing is lost, and nothing is done twice.

    Rules are chosen with equal chances, so the frequent ones are there twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history = History()

    @initialize(number=st.integers(0, 2))
    def begin(self, number: int) -> None:
        self.history.restart(0)
        self.history.restart(number)

    def _plan(self, twist: Any) -> Any:
        return None if twist is None else self.history.plan(*twist)

    # clients

    @rule(kind=kinds, who=numbers, workers=restrictions, twist=client_twists)
    def put(self, kind: str, who: int, workers: Any, twist: Any) -> None:
        self.history.put(kind, who, workers=workers, twist=self._plan(twist))

    @rule(who=numbers, after=st.sampled_from([0, 3, 3600]), by=st.sampled_from([None, 0, 30]))
    def put_with_times(self, who: int, after: int, by: int | None) -> None:
        self.history.put("counts", who, after, by)

    @rule(who=numbers, count=st.integers(2, 6), twist=client_twists)
    def put_many(self, who: int, count: int, twist: Any) -> None:
        self.history.put_many(who, count, self._plan(twist))

    @rule(number=numbers, who=numbers, twist=callback_twists)
    def add_callback(self, number: int, who: int, twist: Any) -> None:
        self.history.add_callback(number, who, self._plan(twist))

    @rule(what=st.sampled_from(["cancel", "size", "size"]), number=numbers, size=st.integers(0, 3))
    def interfere(self, what: str, number: int, size: int) -> None:
        if what == "cancel":
            self.history.cancel(number)
        else:
            self.history.set_size(number, size)

    # supervisors and children

    @rule(number=numbers, listen=st.booleans(), twist=twists)
    def make_pass(self, number: int, listen: bool, twist: Any) -> None:
        self.history.make_pass(number, listen, self._plan(twist))

    @rule()
    def make_a_pass_everywhere(self) -> None:
        for number in range(len(self.history.world.alive())):
            self.history.make_pass(number)

    @rule(number=numbers, twist=twists)
    def work(self, number: int, twist: Any) -> None:
        self.history.work(number, self._plan(twist))

    @rule(number=numbers, twist=twists)
    def work_in_trouble(self, number: int, twist: Any) -> None:
        self.history.work(number, self._plan(twist))

    @rule(number=numbers, what=st.sampled_from(["begin", "kill_child", "take_back"]))
    def touch_a_child(self, number: int, what: str) -> None:
        getattr(self.history, what)(number)

    @rule(
        number=numbers,
        what=st.sampled_from(["kill", "freeze", "kill", "freeze", "stop"]),
        children_too=st.booleans(),
    )
    def stop_a_supervisor(self, number: int, what: str, children_too: bool) -> None:
        if what == "stop":
            self.history.stop(number)
        else:
            getattr(self.history, what)(number, children_too)

    @rule(number=numbers)
    def go_on(self, number: int) -> None:
        self.history.thaw()
        self.history.restart(number)

    # time

    @rule(seconds=st.sampled_from([0.4, 3.0, 12.0, 60.0]), storage=st.sampled_from([-1e6, 0, 1e6]))
    def advance(self, seconds: float, storage: float) -> None:
        """Time passes, and the storage's clock jumps to wherever it likes."""
        self.history.world.storage_offset = storage
        self.history.world.advance(seconds)

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        self.history.expected.look()

    def teardown(self) -> None:
        try:
            Rest(self.history).come_to_rest()
        finally:
            self.history.close()
