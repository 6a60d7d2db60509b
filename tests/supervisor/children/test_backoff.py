"""Pauses before the next child: when they begin, how they grow, when they end."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.support.scenes import Said
from zcasync import clock
from zcasync.supervisor.children.backoff import Backoff


@pytest.fixture
def backoff(reactor: Clock) -> Backoff:
    return Backoff(reactor.seconds)


def test_no_child_has_to_wait_while_children_work(backoff: Backoff) -> None:
    assert (backoff.wait, backoff.problem, backoff.as_dict()) == (0, None, None)


def test_the_pauses_grow_to_a_minute(backoff: Backoff, reactor: Clock) -> None:
    pauses = []
    for _ in range(9):
        backoff.failed("no")
        pauses.append(backoff.wait)
        reactor.advance(backoff.wait)

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_children_that_were_started_together_make_one_pause(
    backoff: Backoff, reactor: Clock, said: Said
) -> None:
    for _ in range(8):
        backoff.failed("no")
    assert backoff.wait == 0.5
    assert len(said.lines) == 1, "and one line in the log"

    reactor.advance(0.5)
    backoff.failed("no")
    assert backoff.wait == 1


def test_the_problem_and_the_next_try_of_a_boot_are_shown(backoff: Backoff, reactor: Clock) -> None:
    clock.set_source(lambda: 1_000_000_000)
    try:
        backoff.failed("first")
        clock.set_source(lambda: 2_000_000_000)
        reactor.advance(0.5)
        backoff.failed("second", tuple(f"line {number}" for number in range(30)))
    finally:
        clock.set_source(None)
    reactor.advance(0.25)

    assert backoff.as_dict() == {
        "problem": "second",
        "since": "1970-01-01T00:16:40+00:00",
        "tries": 2,
        "next_try_seconds": 0.8,
        "output": [f"line {number}" for number in range(10, 30)],
    }


def test_a_child_that_is_ready_is_no_problem_but_has_proved_nothing_yet(
    backoff: Backoff, reactor: Clock
) -> None:
    backoff.failed("no")
    reactor.advance(0.5)
    backoff.eases()
    assert backoff.as_dict() is None

    backoff.failed("again")
    assert backoff.wait == 1


def test_a_child_that_works_ends_the_pauses(backoff: Backoff, reactor: Clock) -> None:
    backoff.failed("no")
    reactor.advance(0.25)
    backoff.ends(reactor.seconds())
    assert (backoff.wait, backoff.as_dict()) == (0, None)

    backoff.failed("again")
    assert backoff.wait == 0.5


def test_a_child_from_before_says_nothing_of_new_ones(backoff: Backoff, reactor: Clock) -> None:
    before = reactor.seconds()
    reactor.advance(100)
    backoff.failed("no")
    backoff.ends(before)

    assert (backoff.wait, backoff.problem) == (0.5, "no")
