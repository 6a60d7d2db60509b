"""Times at the ends of what a datetime can hold: refused at the put, or shown in every listing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, FakeClock, Session
from zcasync import Partial, clock
from zcasync.reports import job as report
from zcasync.reports.listing import listing
from zcasync.reports.selection import Selection
from zcasync.retry.refusals import too_late

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    "options",
    [
        {"begin_after": FIRST},
        {"begin_after": LAST},
        {"begin_after": LAST, "begin_by": timedelta.max},
        {"begin_after": datetime.max.replace(tzinfo=EAST)},
        {"begin_after": datetime.min.replace(tzinfo=WEST)},
        {"begin_by": timedelta.max},
        {"begin_by": timedelta(0)},
        {"delay": timedelta(days=365 * 7000), "begin_by": timedelta.max},
    ],
)
def test_what_is_accepted_is_shown_claimed_and_ended(
    session: Session, fake_clock: FakeClock, options: dict[str, Any]
) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    session.queue.put(partial, **options)
    session.commit()
    for ahead in (0, 10**16, -(10**16)):
        session.queue.claim(ONE.bytes, 9, ahead=lambda lane, found=ahead: found)
        session.commit()
        assert partial.begin_after is not None
        assert report.describe(partial)["begin_after"] is not None
        assert len(listing(session.manager, Selection(), 9, report.summary)) == 1
        assert list(session.queue) == [partial]
        assert str(too_late(partial).error)
        assert session.queue.count_held() == (partial.begin_after > fake_clock.moment)
    session.queue.withdraw(partial)
    assert len(session.queue) == 0


@pytest.mark.parametrize(
    "moment",
    [
        datetime.min.replace(tzinfo=EAST),
        datetime.max.replace(tzinfo=WEST),
        datetime.max.replace(tzinfo=ZoneInfo("America/New_York")),
        datetime.min.replace(tzinfo=ZoneInfo("Asia/Tokyo")),
    ],
)
def test_what_is_no_moment_in_utc_is_refused_at_the_put(session: Session, moment: Any) -> None:
    with pytest.raises(ValueError, match="begin_after must be within the years 1 to 9999 in UTC"):
        session.queue.put(samples.nothing, begin_after=moment)
    assert len(session.queue) == 0


def test_a_delay_that_ends_after_all_time_is_refused(session: Session) -> None:
    for delay in (timedelta.max, timedelta(days=365 * 8000), 1e12):
        with pytest.raises(ValueError, match="delay is no time that a job could wait"):
            session.queue.put(samples.nothing, delay=delay)


def test_a_delay_near_the_end_of_time_does_not_end_after_it_by_another_clock(
    session: Session, fake_clock: FakeClock
) -> None:
    left = clock.LAST - fake_clock.microseconds
    partial = session.queue.put(samples.nothing, delay=left * clock.MICROSECOND)
    session.commit()
    fake_clock.advance(days=1)
    session.queue.claim(ONE.bytes, 9, ahead=lambda lane: -3_600_000_000)
    assert partial.begin_after == LAST
