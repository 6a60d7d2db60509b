"""A connection that hears is relied on until something was not heard that should have been."""

from __future__ import annotations

from zcasync.relstorage.trust import (
    DISTRUST_FOR,
    EAGER,
    EAGER_FOR,
    LATE,
    LOOKING,
    TRUSTING,
    Trust,
)


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_one_that_hears_seldom_looks() -> None:
    trust = Trust(True, Clock())

    assert trust.is_given
    assert trust.pause == TRUSTING


def test_one_that_cannot_hear_looks_often_and_oftener_after_a_change() -> None:
    clock = Clock()
    trust = Trust(False, clock)
    assert not trust.is_given
    assert trust.pause == LOOKING < 0.5

    trust.found(1, {7})
    assert trust.pause == EAGER
    clock.seconds += EAGER_FOR
    assert trust.pause == LOOKING


def test_what_is_heard_a_moment_after_it_was_found_is_not_missing() -> None:
    clock = Clock()
    trust = Trust(True, clock)
    trust.found(1, {7, 8})
    trust.heard([8, 9])
    clock.seconds += LATE

    assert not trust.judge()
    assert trust.is_given


def test_what_is_not_heard_in_time_ends_the_trust_for_a_while() -> None:
    clock = Clock()
    trust = Trust(True, clock)
    trust.found(1, {7})
    assert not trust.judge(), "it may be heard yet"
    clock.seconds += LATE / 2
    trust.heard([8])
    clock.seconds += LATE / 2

    assert trust.judge()
    assert not trust.is_given
    assert trust.pause == LOOKING
    assert not trust.judge(), "it is said once"
    clock.seconds += DISTRUST_FOR
    assert trust.is_given


def test_a_notify_for_anything_is_one_for_all_that_was_found() -> None:
    clock = Clock()
    trust = Trust(True, clock)
    trust.found(1, {7})
    trust.found(2, {8})
    trust.heard(None)
    clock.seconds += LATE

    assert not trust.judge()
