"""How many completed jobs stay: the newest, by whole pages, whatever there is of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from persistent import GHOST
from ZODB.POSException import ConflictError

from tests.support.sessions import Connect, FakeClock
from tests.workers.test_completed import ended, mixed
from zcasync import Partial
from zcasync.job.failure import from_exception
from zcasync.job.outcome import Outcome
from zcasync.workers import kept_number
from zcasync.workers.completed import PAGE_SIZE, Bucket, Completed
from zcasync.workers.kept_number import trim

ANY = 0


def trimmed(completed: Completed, most: int, most_failed: int = ANY, keeps: bool = True) -> int:
    """Drop until nothing is behind; in how many portions."""
    for portion in range(1, 1000):
        if not trim(completed, most, most_failed, keeps, Bucket):
            return portion
    raise AssertionError("it does not end")


def require_right(completed: Completed) -> None:
    """The counts are those of what is there."""
    found = list(completed)
    before = (len(completed), completed.failed)
    assert before == (len(found), len(list(completed.with_outcome([Outcome.FAILED]))))
    completed.recount()
    assert (len(completed), completed.failed) == before


def filled(count: int) -> tuple[Completed, list[Partial]]:
    """Jobs of one day, of which every tenth has failed, oldest first."""
    completed = Completed()
    bad = from_exception(ValueError("no card"))
    made = [ended(None if number % 10 else bad) for number in range(count)]
    completed.extend(made)
    return completed, made


@pytest.mark.parametrize("most", [1, 100, 1000, 1999, 2000, 5000])
def test_the_newest_stay_up_to_a_page_more(fake_clock: FakeClock, most: int) -> None:
    completed, made = filled(2000)
    trimmed(completed, most, keeps=False)
    kept = len(completed)
    assert min(most, 2000) <= kept < most + PAGE_SIZE or kept == 2000
    assert list(completed) == made[: -kept - 1 : -1]
    require_right(completed)
    assert trimmed(completed, most, keeps=False) == 1, "there is nothing more to do"
    assert len(completed) == kept


def test_failed_ones_stay_where_they_are_kept_for_longer(fake_clock: FakeClock) -> None:
    completed, made = filled(2000)
    failed = made[::10]
    trimmed(completed, 100)
    assert list(completed.with_outcome([Outcome.FAILED])) == failed[::-1]
    assert 100 <= len(completed) - len(failed) < 100 + PAGE_SIZE
    require_right(completed)


def test_failed_ones_have_a_number_of_their_own(fake_clock: FakeClock) -> None:
    completed, made = filled(4000)
    trimmed(completed, 100)
    trimmed(completed, 100, 50)
    failed = list(completed.with_outcome([Outcome.FAILED]))
    assert failed == made[::10][: -len(failed) - 1 : -1]
    assert 50 <= len(failed) < 50 + 10 + 2 * PAGE_SIZE
    require_right(completed)


def test_days_beyond_the_number_are_dropped_as_a_whole(
    fake_clock: FakeClock, connect: Connect
) -> None:
    completed = Completed()
    for _ in range(5):
        fake_clock.advance(days=1)
        completed.extend([ended(None) for _ in range(10 * PAGE_SIZE)])
    connect().keep(completed)
    other = connect()
    found = other.same(completed)
    pages = [list(bucket.pages.values()) for bucket in found.buckets]
    assert trimmed(found, 2 * 10 * PAGE_SIZE) == 1
    assert len(found) == 2 * 10 * PAGE_SIZE
    assert all(page._p_state == GHOST for day in pages[:3] for page in day[:-1])


def test_failed_ones_of_days_beyond_the_number_stay(fake_clock: FakeClock) -> None:
    completed, failed = mixed(fake_clock, 6, 100)
    trimmed(completed, 150)
    assert list(completed.with_outcome([Outcome.FAILED])) == failed[::-1]
    require_right(completed)
    completed.prune(timedelta(0), timedelta(days=30))
    require_right(completed)


def test_one_portion_looks_at_few_pages_and_at_no_job(
    fake_clock: FakeClock, connect: Connect
) -> None:
    session = connect()
    completed = session.keep(filled(1000 * PAGE_SIZE)[0])
    other = connect()
    found = other.same(completed)
    assert trim(found, 100, ANY, False, Bucket)
    [bucket] = found.buckets
    loaded = [one for one in bucket.pages.values() if one._p_state != GHOST]
    assert len(found) == (1000 - kept_number.PAGES) * PAGE_SIZE
    assert len(loaded) <= 2
    assert len(other.connection._registered_objects) < 1.5 * kept_number.PAGES
    other.commit()
    assert trimmed(found, 100, keeps=False) <= 1000 / kept_number.PAGES + 1


def test_a_job_can_be_taken_out_of_what_is_left(fake_clock: FakeClock, connect: Connect) -> None:
    session = connect()
    completed, made = filled(500)
    session.keep(completed)
    trimmed(completed, 100)
    session.commit()
    kept = list(completed)
    gone = [kept[0], kept[40], kept[90]]
    assert completed.take([*gone, made[1]]) == {one._p_oid for one in gone}
    assert list(completed) == [one for one in kept if one not in gone]
    require_right(completed)


@pytest.mark.parametrize("first", ["take", "trim"])
def test_who_takes_one_out_of_a_page_that_is_dropped_conflicts(
    fake_clock: FakeClock, connect: Connect, first: str
) -> None:
    session, other = connect(), connect()
    completed, made = filled(500)
    session.keep(completed)
    other.sync()
    found = other.same(completed)
    assert trim(completed, 100, ANY, True, Bucket) is False
    assert found.take([other.same(made[5])])
    one, two = (other, session) if first == "take" else (session, other)
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()
