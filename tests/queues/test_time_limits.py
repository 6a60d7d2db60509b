"""The options soft_limit and hard_limit: what they take, where they are given, what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import zcasync
from tests.jobs import samples
from tests.support.sessions import Session
from zcasync.job.broken import broken
from zcasync.job.time_limits import TimeLimits


@zcasync.job(soft_limit=60, hard_limit=90)
def limited() -> None:
    """Do nothing."""


def test_seconds_and_timedeltas_are_the_same(session: Session) -> None:
    first = session.queue.put(samples.nothing, soft_limit=1.5, hard_limit=timedelta(minutes=1))
    assert (first.soft_limit, first.hard_limit) == (timedelta(seconds=1.5), timedelta(seconds=60))
    assert first.time_limits == TimeLimits(1.5, 60.0)
    assert first.time_limits.text == "soft_limit 1.5 s, hard_limit 60 s"


def test_a_call_without_limits_stores_none(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    assert "_controls" not in partial.__dict__
    assert (partial.soft_limit, partial.hard_limit) == (None, None)
    assert not partial.time_limits


def test_callables_and_queues_have_them_too(session: Session) -> None:
    session.queue.set_defaults(hard_limit=600)
    assert session.queue.put(samples.nothing).time_limits == TimeLimits(None, 600.0)
    assert session.queue.put(limited).time_limits == TimeLimits(60.0, 90.0)
    assert session.queue.put(limited, soft_limit=30).time_limits == TimeLimits(30.0, 90.0)


@pytest.mark.parametrize("value", [0, -1, timedelta(0), timedelta(days=-1), timedelta(days=40_000)])
@pytest.mark.parametrize("name", ["soft_limit", "hard_limit"])
def test_no_time_at_all_is_refused(session: Session, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be more than 0"):
        session.queue.put(samples.nothing, **{name: value})


@pytest.mark.parametrize("value", ["5", True, [5]])
@pytest.mark.parametrize("name", ["soft_limit", "hard_limit"])
def test_what_is_no_time_is_refused(session: Session, name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be seconds or a timedelta"):
        session.queue.put(samples.nothing, **{name: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_of_seconds_is_refused(session: Session, value: float) -> None:
    with pytest.raises(ValueError, match=r"^hard_limit is no time that a call could take"):
        session.queue.put(samples.nothing, hard_limit=value)


@pytest.mark.parametrize("hard", [5, 4])
def test_the_soft_one_comes_first(session: Session, hard: int) -> None:
    with pytest.raises(ValueError, match=r"soft_limit \(5 s\) must be less than hard_limit"):
        session.queue.put(samples.nothing, soft_limit=5, hard_limit=hard)


def test_a_contradiction_of_put_and_callable_is_found(session: Session) -> None:
    with pytest.raises(ValueError, match=r"soft_limit \(100 s\) must be .* hard_limit \(90 s\)"):
        session.queue.put(limited, soft_limit=100)


def test_defaults_fill_in_what_is_missing() -> None:
    assert TimeLimits(1.0).or_else(TimeLimits(5.0, 6.0)) == TimeLimits(1.0, 6.0)


@pytest.mark.parametrize("value", ["5", 0, -1, None, 1.5])
def test_a_damaged_limit_is_found_before_it_is_used(session: Session, value: Any) -> None:
    partial = session.queue.put(samples.nothing, hard_limit=5)
    assert broken(partial) is None
    partial._controls = {"hard_limit": value}
    session.commit()
    session.connection.cacheMinimize()
    assert "_controls" in str(broken(partial))


def test_a_job_that_runs_again_keeps_its_limits(session: Session) -> None:
    partial = session.queue.put(samples.nothing, hard_limit=5)
    session.commit()
    session.activate(partial)
    partial.finish(None)
    session.queue.put_again([partial])
    assert partial.time_limits == TimeLimits(None, 5.0)
