"""When completed jobs leave the claims: some at a time, and soon."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scenes import Seconds
from zcasync.supervisor.poll.retire import RETIRE_COUNT, RETIRE_SECONDS, Retiring


@pytest.fixture
def retiring(seconds: Seconds) -> Retiring:
    nobody: Any = None  # the claims are looked at in the tests of the passes
    return Retiring(nobody, seconds)


def committed(retiring: Retiring, count: int) -> bool:
    """Whether a pass that is committed retires."""
    is_time = retiring.is_time(count, at_once=False)
    retiring.committed()
    return is_time


def test_a_few_wait_for_more(retiring: Retiring, seconds: Seconds) -> None:
    assert not committed(retiring, 1)
    assert not committed(retiring, RETIRE_COUNT - 1)
    assert committed(retiring, RETIRE_COUNT)


def test_they_do_not_wait_long(retiring: Retiring, seconds: Seconds) -> None:
    assert not committed(retiring, 1)
    seconds.advance(RETIRE_SECONDS / 2)
    assert not committed(retiring, 2)
    assert retiring.delay == pytest.approx(RETIRE_SECONDS / 2)
    seconds.advance(RETIRE_SECONDS / 2)
    assert committed(retiring, 2)
    assert not committed(retiring, 1), "the next ones wait anew"


def test_where_nothing_is_left_no_pass_is_due(retiring: Retiring) -> None:
    assert not committed(retiring, 1)
    assert retiring.delay == pytest.approx(RETIRE_SECONDS)
    assert retiring.is_time(1, at_once=True)
    assert retiring.delay == float("inf")


def test_a_pass_that_is_not_committed_is_made_again(retiring: Retiring, seconds: Seconds) -> None:
    assert not committed(retiring, 1)
    seconds.advance(RETIRE_SECONDS)
    assert retiring.is_time(1, at_once=False)
    assert retiring.is_time(1, at_once=False)
    retiring.committed()
    assert not retiring.is_time(1, at_once=False)
