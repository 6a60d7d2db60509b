"""What several processes do in turns: the order is repeated, and what must not happen is found."""

from __future__ import annotations

import random

import pytest

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.turns import Turns
from tests.simulation.world import IDLE_LANE_SECONDS
from zcasync.queues.lane import Lane
from zcasync.supervisor.poll.lane_affinity import SHORTEST_SECONDS

#: Orders in which two go on; many of them make them meet.
ORDERS = range(24)


def given_back_beside_housekeeping(seed: int) -> History:
    """An engine that stops gives a job back into its lane, which another one takes for idle."""
    history = History()
    for number, size in enumerate((1, 0)):  # the other one only keeps house
        history.restart(number)
        history.set_size(number, size)
    for _ in range(3):
        history.make_pass(0)
    history.put(["counts"])
    history.make_pass(0)
    history.give_back(0, by_death=False)  # that makes the lane,
    for _ in range(2):  # and the job is claimed again, where the other one goes first there, too
        history.world.pass_by(SHORTEST_SECONDS)
        history.make_pass(0)
    history.world.pass_by(IDLE_LANE_SECONDS)
    history.make_pass(1)  # which has seen it, and will see it again
    history.world.pass_by(IDLE_LANE_SECONDS)
    stopping, keeping = history.world.alive()

    def stop() -> None:
        stopping.stop()
        stopping.tick()

    history.world.turns.together([stop, keeping.pass_now], random.Random(seed))
    return history


def is_lost(history: History) -> bool:
    """Whether a history ends badly."""
    try:
        history.expected.look()
        Rest(history).come_to_rest()
    except AssertionError:
        return True
    finally:
        history.close()
    return False


def test_a_job_that_is_given_back_while_its_lane_is_dropped_is_not_lost() -> None:
    assert not any(is_lost(given_back_beside_housekeeping(seed)) for seed in ORDERS)


def test_it_would_be_found_if_the_two_did_not_meet_on_a_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def close_the_page_only(lane: Lane) -> None:
        lane.inbox.last.closed = True

    monkeypatch.setattr(Lane, "close", close_the_page_only)
    assert any(is_lost(given_back_beside_housekeeping(seed)) for seed in ORDERS)


def told(seed: int) -> list[int]:
    """The order in which three go on."""
    turns, order = Turns(), []

    def go(number: int) -> None:
        for _ in range(4):
            order.append(number)
            turns.pause()

    turns.together([lambda: go(0), lambda: go(1), lambda: go(2)], random.Random(seed))
    return order


def test_the_same_seed_means_the_same_order() -> None:
    orders = {seed: told(seed) for seed in range(10)}

    assert {seed: told(seed) for seed in range(10)} == orders
    assert len({tuple(order) for order in orders.values()}) > 5
    assert all(sorted(order) == [0] * 4 + [1] * 4 + [2] * 4 for order in orders.values())


def test_who_waits_lets_the_others_go_on_and_is_told_when_none_can() -> None:
    turns, found = Turns(), []
    turns.together(
        [
            lambda: found.append(turns.wait_for(lambda: len(found) == 1)),
            lambda: found.append("was here"),
            lambda: found.append(turns.wait_for(lambda: False)),
        ],
        random.Random(1),
    )

    assert sorted(map(str, found)) == ["False", "True", "was here"]


def test_an_error_of_one_is_raised_when_all_have_ended() -> None:
    turns, ended = Turns(), []
    with pytest.raises(ZeroDivisionError):
        turns.together([lambda: 1 // 0, lambda: ended.append(1)], random.Random(1))

    assert ended == [1]
    assert not turns.are_taken
