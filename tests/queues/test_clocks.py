"""Now is the claimer's: what a client's clock says of its jobs, and what comes of that."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, THREE, TWO, Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.queues.lane import Inbox
from zcasync.queues.restriction import BROKEN

HOUR = 3_600_000_000


def put(session: Session, fake_clock: FakeClock, ahead: int = HOUR, **options: Any) -> Partial:
    """Put, and commit, by a clock that is ahead by so many microseconds."""
    with clock.following(lambda: fake_clock.microseconds + ahead):
        partial = session.queue.put(samples.nothing, **options)
        session.commit()
    return partial


def test_a_job_without_a_time_is_due_at_once_whatever_the_client_s_clock_says(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = put(session, fake_clock)
    assert partial.begin_after == fake_clock.later(hours=1)
    assert session.queue.count_held() == 0
    assert list(session.queue.iterDue()) == [partial]
    assert session.queue.next_due(ONE.bytes) == fake_clock.microseconds
    assert session.claim() == [partial]
    assert session.queue.next_due(ONE.bytes) is None


def test_a_job_that_waits_for_its_worker_stays_due_at_once(
    session: Session, fake_clock: FakeClock
) -> None:
    with clock.following(lambda: fake_clock.microseconds + HOUR):
        partial = Partial(samples.nothing)
        partial.selectedUUIDs.add(TWO)
        session.queue.put(partial)
        session.commit()
    assert session.claim() == []
    session.commit()
    assert session.queue.count_held() == 0
    assert session.queue.next_due(TWO.bytes) == fake_clock.microseconds
    assert session.claim(worker=TWO) == [partial]
    assert len(session.queue) == 0


def test_a_job_that_is_given_back_stays_due_at_once(
    session: Session, fake_clock: FakeClock
) -> None:
    late = put(session, fake_clock, 0, delay=60)
    partial = put(session, fake_clock)
    assert session.claim() == [partial]
    session.queue.release(session.activate_claimed(partial))
    session.commit()
    assert session.queue.count_held() == 1
    assert session.claim() == [partial]
    assert list(session.queue) == [late]


@pytest.mark.parametrize("was_seen", [False, True])
def test_a_job_at_once_that_is_taken_out_again_is_counted_right(
    session: Session, fake_clock: FakeClock, was_seen: bool
) -> None:
    partial, other = put(session, fake_clock), put(session, fake_clock, delay=60)
    if was_seen:
        partial.selectedUUIDs.add(TWO)
        assert session.claim() == []
    session.queue.withdraw(partial)
    session.commit()
    assert (len(session.queue), session.queue.count_held()) == (1, 1)
    assert session.claim(worker=TWO) == []
    session.commit()
    assert (list(session.queue), session.queue.count_held()) == ([other], 1)


def test_a_broken_job_at_once_is_looked_at_at_once_when_it_can_be_loaded(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = put(session, fake_clock)
    [lane] = [lane for lane in session.queue.lanes().values() if lane.next_in_inbox()]
    lane.drop(lane.next_in_inbox())
    lane.file(partial.due, partial, BROKEN)
    session.commit()
    assert session.queue.retry_broken() == 1
    assert session.claim() == [partial]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_a_delay_counts_from_the_put_in_the_claimer_s_time(
    session: Session, fake_clock: FakeClock, ahead: int
) -> None:
    partial = put(session, fake_clock, ahead, delay=60)
    fake_clock.advance(seconds=30)
    queue = session.queue
    assert queue.claim(ONE.bytes, 9, ahead=lambda lane: ahead).partials == []
    session.commit()
    assert partial.begin_after == fake_clock.later(seconds=30)
    assert list(queue) == [partial]
    assert queue.count_held() == 1
    fake_clock.advance(seconds=31)
    assert queue.claim(ONE.bytes, 9).partials == [partial]
    assert len(queue) == 0


def test_a_delay_of_a_clock_that_is_ahead_counts_from_the_first_sight_at_the_latest(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = put(session, fake_clock, delay=60)
    assert session.claim() == []
    session.commit()
    assert partial.begin_after == fake_clock.later(seconds=60)


def test_begin_by_counts_in_the_claimer_s_time(session: Session, fake_clock: FakeClock) -> None:
    limit = timedelta(minutes=5)
    partials = [put(session, fake_clock, ahead, begin_by=limit) for ahead in (-HOUR, 0, HOUR)]
    for partial, ahead in zip(partials, (-HOUR, 0, HOUR), strict=True):
        taken = session.queue.claim(ONE.bytes, 1, ahead=lambda lane, found=ahead: found)
        assert taken.partials == [partial]
        assert not partial.is_too_late
        assert partial.begin_deadline == fake_clock.microseconds + limit // clock.MICROSECOND


def test_a_job_that_nobody_took_in_time_is_ended_by_the_claimer_s_clock(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    with clock.following(lambda: fake_clock.microseconds + HOUR):
        session.queue.put(partial, begin_by=timedelta(minutes=5))
        session.commit()
    for minutes, found in ((0, []), (4, []), (2, [partial])):
        fake_clock.advance(minutes=minutes)
        assert session.claim(worker=THREE) == found
        session.commit()


@pytest.mark.parametrize("options", [{"begin_by": timedelta(minutes=1)}, {"delay": 1}])
def test_a_job_that_waits_for_an_idle_child_keeps_its_place(
    session: Session, fake_clock: FakeClock, options: dict[str, Any]
) -> None:
    partial = put(session, fake_clock, retry="never", **options)
    assert session.queue.claim(ONE.bytes, 9, idle=0).is_barred
    session.commit()
    assert list(session.queue) == [partial]
    assert partial.begin_after == fake_clock.later(hours=1, **_delay(options))
    assert not session.queue.claim(ONE.bytes, 9, idle=1).is_barred
    fake_clock.advance(seconds=1)
    session.commit()
    session.claim()
    assert len(session.queue) == 0


def _delay(options: dict[str, Any]) -> dict[str, float]:
    return {"seconds": options.get("delay", 0)}


@pytest.mark.parametrize(("minutes", "is_due"), [(-10, True), (10, False)])
def test_a_time_that_is_past_only_by_the_client_s_clock_is_waited_for(
    session: Session, fake_clock: FakeClock, minutes: int, is_due: bool
) -> None:
    moment = fake_clock.later(minutes=minutes)
    partial = put(session, fake_clock, begin_after=moment)
    assert partial.begin_after == fake_clock.later(hours=1)
    assert session.claim() == ([partial] if is_due else [])
    session.commit()
    assert partial.begin_after == (fake_clock.moment if is_due else moment)
    if not is_due:
        fake_clock.advance(minutes=minutes)
        assert session.claim() == [partial]
    assert (len(session.queue), session.queue.count_held()) == (0, 0)


@pytest.mark.parametrize("options", [{}, {"begin_by": timedelta(minutes=1)}, {"delay": 0.5}])
def test_where_clocks_agree_a_job_is_claimed_as_it_was_put(
    session: Session, fake_clock: FakeClock, options: dict[str, Any]
) -> None:
    partial = put(session, fake_clock, 400_000, **options)
    before = dict(vars(partial))
    fake_clock.advance(seconds=0.9)
    assert session.claim() == [partial]
    assert (vars(partial), partial._p_changed) == (before, False)


def test_two_clients_with_different_clocks_have_their_jobs_done(
    connect: Connect, fake_clock: FakeClock
) -> None:
    ahead, behind, engine = connect(), connect(), connect()
    partials = [put(ahead, fake_clock), put(behind, fake_clock, -HOUR), put(ahead, fake_clock)]
    engine.sync()
    assert {one._p_oid for one in engine.claim()} == {one._p_oid for one in partials}


def test_a_job_without_times_stores_no_more_than_its_put(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    assert vars(partial).keys() == {"_call", "_queue", "_put"}
    session.commit()
    [lane] = [lane for lane in session.queue.lanes().values() if lane.next_in_inbox()]
    assert vars(lane.page).keys() == {"dues", "partials", "base"}


def test_a_job_that_an_earlier_version_put_for_later_waits(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = put(session, fake_clock, 0, delay=60)
    [lane] = [lane for lane in session.queue.lanes().values() if lane.next_in_inbox()]
    del partial._put, lane.page.timed, lane.page.relative
    lane.inbox.__setstate__({"last": lane.inbox.last})
    session.commit()
    assert session.claim() == []
    session.commit()
    assert (list(session.queue), session.queue.count_held()) == ([partial], 1)
    fake_clock.advance(seconds=61)
    assert session.claim() == [partial]


class SetClock:
    """The system's clock, as this process reads it, which a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hours = 0
        right = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: right() + self.hours * HOUR * 1000)


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("is_aborted", [False, True])
def test_a_client_whose_clock_is_set_says_so_with_its_next_put(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, hours: int, is_aborted: bool
) -> None:
    system, session, engine = SetClock(monkeypatch), connect(), connect()
    for _ in range(2):
        session.queue.put(samples.nothing)
        session.commit()
    before = inbox_of(engine)
    first, revision = before.written, before._p_serial
    system.hours = hours
    if is_aborted:
        session.queue.put(samples.nothing)
        session.abort()
    session.queue.put(samples.nothing)
    session.commit()
    written = inbox_of(engine).written
    assert first is not None
    assert written is not None
    assert written - first == pytest.approx(hours * HOUR, abs=60e6)
    told = inbox_of(engine)._p_serial
    session.queue.put(samples.nothing)
    session.commit()
    assert revision != told == inbox_of(engine)._p_serial, "it is not written for each put"


def inbox_of(engine: Session) -> Inbox:
    """The one inbox that something is in, as it is stored."""
    engine.sync()
    [inbox] = [lane.inbox for lane in engine.queue.lanes().values() if lane.count()]
    inbox._p_activate()
    return inbox
