"""The histories as a hypothesis state machine: it chooses what comes next, and shrinks failures."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.simulation.history import KINDS, PLANS, History

numbers = st.integers(0, 11)
kinds = st.sampled_from(["counts", "counts", "counts", *KINDS])
twists = st.none() | st.tuples(st.sampled_from(PLANS), st.integers(0, 2), numbers)
client_twists = st.none() | st.tuples(
    st.sampled_from(["doubt lost", "doubt after", "pass", "work", "put"]),
    st.integers(0, 2),
    numbers,
)
restrictions = st.none() | st.none() | st.tuples(st.integers(0, 2), st.booleans())


class Simulation(RuleBasedStateMachine):
    """Whatever happens: nothing is lost, and nothing is done twice."""

    def __init__(self) -> None:
        super().__init__()
        self.history = History()

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

    @rule(number=numbers, who=numbers, twist=st.none() | st.tuples(
        st.sampled_from(["pass", "work"]), st.integers(0, 2), numbers))  # fmt: skip
    def add_callback(self, number: int, who: int, twist: Any) -> None:
        self.history.add_callback(number, who, self._plan(twist))

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        self.history.cancel(number)

    @rule(number=numbers, size=st.integers(0, 3))
    def set_size(self, number: int, size: int) -> None:
        self.history.set_size(number, size)

    # supervisors and children

    @rule(number=numbers, listen=st.booleans(), twist=twists)
    def make_pass(self, number: int, listen: bool, twist: Any) -> None:
        self.history.make_pass(number, listen, self._plan(twist))

    @rule(number=numbers, twist=twists)
    def work(self, number: int, twist: Any) -> None:
        self.history.work(number, self._plan(twist))

    @rule(number=numbers)
    def begin(self, number: int) -> None:
        self.history.begin(number)

    @rule(number=numbers)
    def kill_child(self, number: int) -> None:
        self.history.kill_child(number)

    @rule(number=numbers)
    def take_back(self, number: int) -> None:
        self.history.take_back(number)

    @rule(number=numbers, children_freeze=st.booleans())
    def kill(self, number: int, children_freeze: bool) -> None:
        self.history.kill(number, children_freeze)

    @rule(number=numbers, children_too=st.booleans())
    def freeze(self, number: int, children_too: bool) -> None:
        self.history.freeze(number, children_too)

    @rule()
    def thaw(self) -> None:
        self.history.thaw()

    @rule(number=numbers)
    def restart(self, number: int) -> None:
        self.history.restart(number)

    @rule(number=numbers)
    def stop(self, number: int) -> None:
        self.history.stop(number)

    # time

    @rule(seconds=st.sampled_from([0.4, 3.0, 12.0, 75.0]))
    def advance(self, seconds: float) -> None:
        self.history.world.advance(seconds)

    @rule(seconds=st.sampled_from([-1e6, 0.0, 1e6]))
    def let_the_storage_clock_jump(self, seconds: float) -> None:
        self.history.world.storage_offset = seconds

    @invariant()
    def nothing_is_lost_or_twice(self) -> None:
        self.history.expected.look()

    def teardown(self) -> None:
        try:
            self.history.come_to_rest()
        finally:
            self.history.close()
