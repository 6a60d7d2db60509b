"""Ids, the clock, lateness: small things that everything else relies on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.support import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial, clock
from zcasync.job.deadline import is_too_late, too_late
from zcasync.job.ids import hex_oid, id_of, parse


@pytest.mark.parametrize("name", ["", "main", "unnamed", "zc.async", "a:b"])
def test_an_id_leads_back_to_its_object(name: str) -> None:
    db = DB(DemoStorage(), database_name=name)
    session = Session(db)
    partial = session.keep(Partial(samples.nothing))
    written = id_of(partial)

    named = name not in ("", "main", "unnamed")
    number = f"{int.from_bytes(partial._p_oid):#x}"
    assert written == (f"{name}:{number}" if named else number)
    assert parse(written) == (name if named else "", partial._p_oid)
    assert hex_oid(partial._p_oid) == number
    session.close()
    db.close()


@pytest.mark.parametrize("text", ["0x1a2b", "1a2b", "0X1A2B", "00001a2b"])
def test_ids_are_read_as_people_write_them(text: str) -> None:
    assert parse(text) == ("", b"\0\0\0\0\0\0\x1a\x2b")
    assert parse(f"zc.async:{text}") == ("zc.async", b"\0\0\0\0\0\0\x1a\x2b")


@pytest.mark.parametrize("text", ["", "0x", "xyz", "-1", "0x1" + "0" * 16, "main:", "1a2b:main"])
def test_text_that_is_no_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not an id such as 0x1a2b"):
        parse(text)


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


@pytest.mark.parametrize(
    ("seconds", "interruptions", "late"),
    [(59, 0, False), (60, 0, False), (61, 0, True), (61, 1, False)],
)
def test_begin_by_is_checked_at_the_first_start_only(
    session: Session, fake_clock: FakeClock, seconds: int, interruptions: int, late: bool
) -> None:
    partial = session.queue.put(samples.nothing, begin_by=timedelta(minutes=1))
    partial._interruptions = interruptions
    fake_clock.advance(seconds=seconds)

    assert is_too_late(partial) == late


def test_a_job_without_begin_by_is_never_too_late(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(samples.nothing)
    fake_clock.advance(days=10_000)

    assert not is_too_late(partial)
    assert not is_too_late(Partial(samples.nothing))


def test_the_reason_of_a_missed_deadline_names_both_times(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = session.queue.put(samples.nothing, begin_by=timedelta(minutes=1))

    assert str(too_late(partial)) == (
        "not begun within 0:01:00 of 2006-08-10 15:00:00+00:00: its begin_by has passed"
    )
