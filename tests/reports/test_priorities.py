"""Listings have what waits in the order in which it is going to run, and tell its priority."""

from __future__ import annotations

from datetime import timedelta

from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync.reports.job import describe, summary
from zcasync.reports.listing import listing, oldest_due
from zcasync.reports.remarks import remark
from zcasync.reports.selection import Selection


def test_what_waits_is_listed_as_it_is_going_to_run(
    session: Session, fake_clock: FakeClock
) -> None:
    put = session.queue.put
    low = put(samples.nothing, priority=4)
    fake_clock.advance(minutes=1)
    plain = put(samples.nothing)
    later = put(samples.nothing, timedelta(minutes=9))
    soon = put(samples.nothing, timedelta(minutes=5), priority=9)
    urgent = put(samples.nothing, priority=-1)
    session.commit()
    found = listing(session.manager, Selection(), 10, summary)

    expected = [urgent, plain, low, soon, later]
    assert [one["id"] for one in found] == [partial.id for partial in expected]
    assert [one["priority"] for one in found] == [-1, 0, 4, 9, 0]
    assert remark(found[0]) == "priority -1"
    assert remark(found[1]) == ""
    assert describe(low)["priority"] == 4
    oldest = oldest_due(session.queue)
    assert oldest is not None
    assert oldest["id"] == low.id, "whatever runs before it"
    assert oldest["seconds"] == 60
