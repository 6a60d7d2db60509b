"""Latencies: what is told of times is right to a hundredth, in little memory."""

from __future__ import annotations

import random

import pytest

from zcasync.load.latencies import Latencies


def test_the_shares_are_those_of_the_sorted_times() -> None:
    chance = random.Random(4711)
    times = [chance.lognormvariate(8, 2) for _ in range(20_000)]
    found = Latencies()
    for one in times:
        found.add(one)
    ordered = sorted(times)
    for share in (0.5, 0.95, 0.99):
        exact = ordered[int(share * len(ordered)) - 1]
        assert found.at(share) == pytest.approx(exact, rel=0.01)
    assert found.longest == round(ordered[-1])
    assert found.mean == pytest.approx(sum(times) / len(times), rel=0.001)


def test_one_time_is_told_as_it_is() -> None:
    found = Latencies()
    found.add(2_000_000)
    told = found.as_dict()
    assert told["p50"] == told["p99"] == pytest.approx(2.0, rel=0.01)
    assert told["max"] == 2.0


def test_nothing_is_told_of_no_times_and_of_none_below_a_microsecond() -> None:
    found = Latencies()
    assert set(found.as_dict().values()) == {0.0}
    assert found.mean == 0
    found.add(0)
    found.add(-5)
    assert (found.count, found.at(0.99), found.mean) == (2, 0.0, 0.0)
