"""The clock: microseconds of UTC, and a source that tests may give."""

from datetime import UTC, datetime, timedelta, timezone

from tests.support.sessions import FakeClock
from zcasync import clock


def test_the_clock_tells_microseconds_in_utc() -> None:
    before = datetime.now(UTC)
    now = clock.to_datetime(clock.now())
    after = datetime.now(UTC)

    assert before - timedelta(milliseconds=1) <= now <= after
    assert now.utcoffset() == timedelta(0)


def test_a_moment_survives_the_way_there_and_back(fake_clock: FakeClock) -> None:
    for moment in (
        datetime(2006, 8, 10, 15, 44, 22, 211, UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2106, 2, 7, 6, 28, 16, 1, UTC),
    ):
        assert clock.to_datetime(clock.from_datetime(moment, "it")) == moment
        elsewhere = moment.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
        assert clock.from_datetime(elsewhere, "it") == clock.from_datetime(moment, "it")


def test_a_source_tells_the_time_until_it_is_taken_away() -> None:
    clock.set_source(lambda: 5)
    try:
        assert clock.now() == 5
    finally:
        clock.set_source(None)
    assert clock.now() > 10**15
