"""The days of completed jobs keep their age when clocks are set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.sessions import FakeClock
from tests.workers.test_completed import ended
from zcasync import clock
from zcasync.workers.completed import Completed
from zcasync.workers.dating import NOTE, date
from zcasync.workers.retention import Retention

DAY = 86_400 * 1_000_000
KEPT = Retention(timedelta(days=7), timedelta(days=7))


@pytest.fixture
def completed(fake_clock: FakeClock) -> Completed:
    """A job a day, for three days; the newest is a day old."""
    made = Completed()
    for _ in range(3):
        made.add(ended(None))
        pass_days(fake_clock, made, 1)
    return made


def pass_days(fake_clock: FakeClock, completed: Completed, days: float) -> None:
    """Time passes, and an engine looks at them four times a day."""
    for _ in range(int(days * 4)):
        fake_clock.advance(hours=6)
        KEPT.apply(completed)


def ages(completed: Completed) -> list[float]:
    """How old the days are, in days."""
    return [round((clock.now() - one.began) / DAY, 1) for one in completed.buckets]


def test_time_that_passes_moves_nothing(completed: Completed, fake_clock: FakeClock) -> None:
    assert ages(completed) == [3, 2, 1]
    pass_days(fake_clock, completed, 4.75)
    assert ages(completed) == [7.8, 6.8, 5.8]
    pass_days(fake_clock, completed, 0.5)
    assert ages(completed) == [7.2, 6.2]


@pytest.mark.parametrize("days", [60, 3650, 2_000_000])
def test_a_clock_that_is_set_forward_while_nobody_looks(
    completed: Completed, fake_clock: FakeClock, days: int
) -> None:
    """As by a machine that begins with a wrong one: it may also have been off for a day."""
    fake_clock.advance(days=days)
    KEPT.apply(completed)
    assert ages(completed) == [4, 3, 2]
    assert len(completed) == 3
    fake_clock.advance(days=-days)
    KEPT.apply(completed)
    assert ages(completed) == [4, 3, 2]


def test_a_clock_that_is_set_forward_while_an_engine_looks(
    completed: Completed, fake_clock: FakeClock
) -> None:
    """It knows by how much, however little that is, and nobody does it twice."""
    fake_clock.advance(hours=20)
    for _ in range(2):  # engines of two machines with one clock
        KEPT.apply(completed, set_by=20 * 3600 * 1_000_000)
        assert ages(completed) == [3, 2, 1]


def test_a_day_that_has_begun_after_the_clock_was_set_stays(
    completed: Completed, fake_clock: FakeClock
) -> None:
    fake_clock.advance(days=60)
    completed.add(ended(None))
    fake_clock.advance(seconds=30)
    KEPT.apply(completed, set_by=60 * DAY)
    assert ages(completed) == [3, 2, 1, 0]


def test_a_worker_that_was_away_for_long_keeps_what_it_had(
    completed: Completed, fake_clock: FakeClock
) -> None:
    """That cannot be told from a wrong clock; a pause of a day or two counts in full."""
    fake_clock.advance(days=1.9)
    KEPT.apply(completed)
    assert ages(completed) == [4.9, 3.9, 2.9]
    fake_clock.advance(days=30)
    KEPT.apply(completed)
    assert ages(completed) == [5.9, 4.9, 3.9]


def test_the_time_is_noted_seldom(completed: Completed, fake_clock: FakeClock) -> None:
    before = completed.dated
    assert before is not None
    fake_clock.advance(seconds=NOTE / 1e6 - 60)
    date(completed)
    assert completed.dated == before
    fake_clock.advance(seconds=61)
    date(completed)
    assert completed.dated == clock.now()


def test_an_empty_collection_is_not_written(fake_clock: FakeClock) -> None:
    empty = Completed()
    date(empty)
    assert empty.dated is None


def test_what_older_versions_have_stored_is_dated_first(fake_clock: FakeClock) -> None:
    completed = Completed()
    completed.add(ended(None))
    completed.dated = None
    fake_clock.advance(days=5)
    date(completed)
    assert (ages(completed), completed.dated) == ([5], clock.now())
