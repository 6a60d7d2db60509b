"""A change wakes a pass when somebody can begin a job, else it waits for what comes next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.history import History
from tests.simulation.supervisors import Supervisor


@pytest.fixture
def history() -> Iterator[History]:
    """One supervisor, whose only child has been at a job for a while."""
    made = History()
    made.restart(0)
    made.set_size(0, 1)
    for _ in range(3):
        made.make_pass(0)
    made.put(["counts"])
    made.make_pass(0)
    made.work(0)  # now it is known how short jobs are
    made.put(["counts"])
    made.make_pass(0)
    made.begin(0)
    made.world.advance(1.0)
    yield made
    made.close()


def supervisor(history: History) -> Supervisor:
    (one,) = history.world.alive()
    return one


def passes(history: History, seconds: float) -> int:
    """How many there are within this time."""
    before = history.world.tally["passes"]
    supervisor(history).tick(seconds)
    return history.world.tally["passes"] - before


def test_thread_jobs_that_no_child_can_begin_share_a_pass(history: History) -> None:
    for _ in range(5):
        history.put(["counts"])
        assert passes(history, 0.0) == 0

    assert passes(history, 0.1) == 1


def test_a_reactor_job_is_begun_at_once_although_all_children_are_busy(history: History) -> None:
    history.put(["reactor"])

    assert passes(history, 0.0) == 1
    assert len(supervisor(history).threads.waiting) == 1


def test_the_writes_of_a_pass_make_no_further_pass(history: History) -> None:
    history.put(["reactor"])
    assert passes(history, 0.0) == 1

    assert passes(history, 0.0) == 0
    assert passes(history, 0.2) == 0
