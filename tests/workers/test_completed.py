"""Finished partials: newest first, in pages and buckets, dropped by age."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from persistent import GHOST
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial
from zcasync.errors import JobCancelled
from zcasync.job.failure import from_exception
from zcasync.job.outcome import Outcome
from zcasync.workers.completed import PAGE_SIZE, RETENTION, Completed

HOUR = timedelta(hours=1)


def finished(
    clock: FakeClock, count: int, step: timedelta = HOUR
) -> tuple[Completed, list[Partial]]:
    """A collection to which a partial was added every hour, and the partials, oldest first."""
    completed, made = Completed(), []
    for _ in range(count):
        clock.advance(seconds=step.total_seconds())
        partial = Partial(samples.nothing)
        partial.finish(None)
        completed.add(partial)
        made.append(partial)
    return completed, made


def test_an_empty_collection_has_neither_first_nor_last() -> None:
    completed = Completed()

    assert (len(completed), list(completed), bool(completed)) == (0, [], True)
    for ask in (completed.first, completed.last):
        with pytest.raises(LookupError, match="no partial has completed"):
            ask()


@pytest.mark.parametrize("count", [1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE + 5])
@pytest.mark.parametrize("step", [timedelta(seconds=1), HOUR], ids=["one bucket", "many buckets"])
def test_the_newest_comes_first_over_pages_and_buckets(
    fake_clock: FakeClock, count: int, step: timedelta
) -> None:
    completed, made = finished(fake_clock, count, step)

    assert list(completed) == made[::-1]
    assert len(completed) == count
    assert (completed.first(), completed.last()) == (made[-1], made[0])


def test_several_partials_are_added_at_once(fake_clock: FakeClock) -> None:
    completed = Completed()
    made = [Partial(samples.nothing) for _ in range(100)]
    completed.extend(made[:40])
    completed.extend([])
    completed.extend(made[40:])

    assert list(completed) == made[::-1]
    assert len(completed) == 100
    [bucket] = completed._buckets
    assert [len(page.partials) for page in bucket.pages.values()] == [32, 32, 32, 4]


def test_the_records_that_a_new_page_writes_do_not_grow_with_the_day(session: Session) -> None:
    completed = Completed()
    session.connection.add(completed)
    completed.extend([Partial(samples.nothing) for _ in range(32 * 300)])
    session.commit()
    completed.extend([Partial(samples.nothing) for _ in range(33)])
    written = list(session.connection._registered_objects)
    session.commit()

    sizes = {type(obj).__name__: len(session.connection._storage.load(obj._p_oid)[0])
             for obj in written}  # fmt: skip
    assert "IOBucket" in sizes
    assert max(sizes.values()) < 2500, sizes


def test_a_stretch_of_time_can_be_read(fake_clock: FakeClock) -> None:
    completed, made = finished(fake_clock, 60)
    newest_first = made[::-1]

    assert list(completed.iter()) == newest_first
    assert list(completed.iter(start=made[40].ended)) == newest_first[19:]
    assert list(completed.iter(stop=made[40].ended)) == newest_first[:20]
    assert list(completed.iter(made[40].ended, made[38].ended)) == newest_first[19:22]
    assert list(completed.iter(made[0].ended - HOUR)) == []
    assert list(completed.iter(stop=made[-1].ended + HOUR)) == []


@pytest.mark.parametrize("name", ["start", "stop"])
def test_a_stretch_of_time_is_named_with_aware_moments(name: str) -> None:
    naive = datetime.now(UTC).replace(tzinfo=None)

    with pytest.raises(ValueError, match=f"{name} must be timezone-aware"):
        list(Completed().iter(**{name: naive}))


def test_partials_older_than_the_retention_are_dropped_by_the_bucket(fake_clock: FakeClock) -> None:
    completed, made = finished(fake_clock, 24 * 20)

    gone = completed.prune()

    assert gone == len(made) - len(completed) == len(made) - len(list(completed))
    oldest = completed.last()
    assert fake_clock.moment - oldest.ended >= RETENTION - HOUR, "all of the retention is there"
    assert fake_clock.moment - oldest.ended <= RETENTION + timedelta(days=2)
    assert completed.first() is made[-1]
    assert completed.prune() == 0


def test_a_retention_of_no_time_drops_every_partial(fake_clock: FakeClock) -> None:
    completed, made = finished(fake_clock, 5)
    fake_clock.advance(days=3)

    assert completed.prune(timedelta(0)) == 5
    assert (len(completed), list(completed)) == (0, [])
    completed.add(made[0])
    assert completed.first() is completed.last() is made[0]


def test_adding_rewrites_one_short_page(session: Session, fake_clock: FakeClock) -> None:
    completed = session.keep(Completed())
    completed.extend([session_partial() for _ in range(PAGE_SIZE - 3)])
    session.commit()
    records = []
    for _ in range(2):
        completed.add(session_partial())
        records.append({type(obj).__name__ for obj in session.connection._registered_objects})
        session.commit()

    assert records == [{"Page"}, {"Page"}]


def session_partial() -> Partial:
    return Partial(samples.nothing)


def test_a_collection_can_be_read_while_more_is_added(connect: Connect) -> None:
    engine, reader = connect(), connect()
    completed = engine.keep(Completed())
    completed.add(session_partial())
    engine.commit()
    reader.sync()
    seen = reader.same(completed)
    assert len(seen) == 1
    completed.extend([session_partial() for _ in range(50)])
    engine.commit()

    assert len(list(seen)) == 1
    reader.sync()
    assert len(list(seen)) == len(seen) == 51


def ended(result: Any) -> Partial:
    partial = Partial(samples.nothing)
    partial.finish(result)
    return partial


@pytest.fixture
def of_all_kinds(fake_clock: FakeClock) -> tuple[Completed, list[Partial]]:
    """A collection in which every third has failed, every third of the rest was cancelled."""
    completed, made = Completed(), []
    for number in range(3 * PAGE_SIZE):
        error = ValueError("no card") if number % 3 else JobCancelled("cancelled by anna")
        made.append(ended(from_exception(error) if number % 3 < 2 else None))
        completed.add(made[-1])
    return completed, made


def test_the_failed_and_the_cancelled_are_counted(
    of_all_kinds: tuple[Completed, list[Partial]],
) -> None:
    completed, made = of_all_kinds
    counts = (len(completed), completed.failed, completed.cancelled)
    assert counts == (3 * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE)
    for partial in made[:4]:  # cancelled, failed, neither, cancelled
        completed.discard(partial)
    counts = (len(completed), completed.failed, completed.cancelled)
    assert counts == (3 * PAGE_SIZE - 4, PAGE_SIZE - 1, PAGE_SIZE - 2)


def test_what_is_taken_out_is_not_counted_any_more(connect: Connect) -> None:
    session = connect()
    completed = session.root["completed"] = Completed()
    failure = from_exception(ValueError("no card"))
    made = [ended(failure if number % 2 else None) for number in range(2 * PAGE_SIZE + 10)]
    completed.extend(made)
    session.commit()
    gone = [*made[:3], *made[-3:]]  # of a full page and of the last one: three of each kind
    completed.take(gone)
    session.commit()
    assert (len(completed), completed.failed) == (2 * PAGE_SIZE + 4, PAGE_SIZE + 2)
    rest = [one for one in reversed(made) if one not in gone]
    assert list(completed) == rest
    failed = [one for one in rest if one.stored_result is not None]
    assert list(completed.with_outcome({Outcome.FAILED})) == failed
    completed.recount()
    assert (len(completed), completed.failed) == (2 * PAGE_SIZE + 4, PAGE_SIZE + 2)


def test_counting_loads_no_job_and_one_page(connect: Connect) -> None:
    session = connect()
    completed = session.root["completed"] = Completed()
    made = [ended(from_exception(ValueError("no card"))) for _ in range(5 * PAGE_SIZE)]
    completed.extend(made)
    session.commit()
    other = connect()
    found = other.root["completed"]
    assert (found.failed, found.cancelled, len(found)) == (5 * PAGE_SIZE, 0, 5 * PAGE_SIZE)
    [bucket] = found._buckets
    loaded = [page for page in bucket.pages.values() if page._p_state != GHOST]
    assert len(loaded) == 1
    assert all(one._p_state == GHOST for one in loaded[0].partials)


def test_where_all_succeed_the_records_have_nothing_more(fake_clock: FakeClock) -> None:
    completed, _ = finished(fake_clock, PAGE_SIZE + 1, timedelta(seconds=1))
    [bucket] = completed._buckets
    assert set(bucket.__getstate__()) == {"began", "pages", "full"}
    assert [set(page.__getstate__()) for page in bucket.pages.values()] == [{"partials"}] * 2


# failed ones are kept longer

KEPT = timedelta(days=30)


def mixed(
    clock: FakeClock, days: int, count: int, fails: int = 5
) -> tuple[Completed, list[Partial]]:
    """Some jobs a day of which each so-manieth has failed; and the failed, oldest first."""
    completed, failed = Completed(), []
    for _ in range(days):
        clock.advance(days=1)
        made = []
        for number in range(count):
            partial = Partial(samples.nothing)
            is_bad = number % fails == 0
            partial.finish(from_exception(ValueError(str(number))) if is_bad else None)
            made.append(partial)
            failed += [partial] if is_bad else []
        completed.extend(made)
    return completed, failed


def test_failed_ones_stay_where_the_others_are_dropped(fake_clock: FakeClock) -> None:
    completed, failed = mixed(fake_clock, 20, 70)
    before = len(completed)

    gone = completed.prune(RETENTION, KEPT)

    assert gone == before - len(completed) > 500
    assert completed.failed == len(failed) == 20 * 14
    assert list(completed.with_outcome([Outcome.FAILED])) == failed[::-1]
    assert len(list(completed)) == len(completed) == 9 * 70 + 11 * 14
    assert completed.prune(RETENTION, KEPT) == 0


def test_failed_ones_go_in_the_end(fake_clock: FakeClock) -> None:
    completed, failed = mixed(fake_clock, 5, 70)
    fake_clock.advance(days=10)
    completed.prune(RETENTION, KEPT)
    assert len(completed) == len(failed)
    fake_clock.advance(days=18)
    completed.prune(RETENTION, KEPT)
    assert 0 < len(completed) < len(failed)
    fake_clock.advance(days=10)

    completed.prune(RETENTION, KEPT)
    assert (len(completed), list(completed), completed.failed) == (0, [], 0)


@pytest.mark.parametrize("keep", [timedelta(0), RETENTION])
def test_failed_ones_are_kept_as_the_others_at_least(
    fake_clock: FakeClock, keep: timedelta
) -> None:
    completed, failed = mixed(fake_clock, 3, 10)
    fake_clock.advance(days=3)

    completed.prune(RETENTION, keep)
    assert completed.failed == len(failed)
    fake_clock.advance(days=30)
    completed.prune(RETENTION, keep)
    assert len(completed) == 0


def test_a_large_day_is_parted_in_portions_and_each_job_is_in_one_place(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zcasync.workers.kept_failed.move_failed.__defaults__", (3,))
    completed, failed = mixed(fake_clock, 1, 20 * PAGE_SIZE + 7)
    fake_clock.advance(days=10)
    counts = []
    for _ in range(20):
        completed.prune(RETENTION, KEPT)
        everything = list(completed)
        assert len(everything) == len(set(map(id, everything))) == len(completed)
        assert set(map(id, failed)) <= set(map(id, everything))
        assert completed.failed == len(failed)
        counts.append(len(completed))

    assert counts[0] == 20 * PAGE_SIZE + 7
    assert counts[-1] == len(failed)
    assert len(set(counts)) == 2, "the others go at once, in the end"
    assert list(completed) == failed[::-1]


def test_a_day_without_failed_ones_is_dropped_without_a_look_at_its_pages(
    session: Session, connect: Connect, fake_clock: FakeClock
) -> None:
    completed = session.keep(finished(fake_clock, 5 * PAGE_SIZE, timedelta(seconds=1))[0])
    fake_clock.advance(days=10)
    other = connect()
    found = other.same(completed)
    pages = list(found._buckets[0].pages.values())

    assert found.prune(RETENTION, KEPT) == 5 * PAGE_SIZE
    assert [page._p_state for page in pages[:-1]] == [GHOST] * (len(pages) - 1)


def test_no_job_is_loaded_as_failed_ones_are_parted(
    session: Session, connect: Connect, fake_clock: FakeClock
) -> None:
    completed, failed = mixed(fake_clock, 1, 3 * PAGE_SIZE)
    session.keep(completed)
    fake_clock.advance(days=10)
    other = connect()
    found = other.same(completed)
    found.prune(RETENTION, KEPT)

    assert len(found) == len(failed)
    assert {partial._p_state for partial in found} == {GHOST}
    other.commit()
    session.sync()
    assert list(completed) == failed[::-1]


def test_a_failed_one_that_is_run_again_while_it_is_parted_meets_the_engine(
    session: Session, connect: Connect, fake_clock: FakeClock
) -> None:
    completed, failed = mixed(fake_clock, 1, 3 * PAGE_SIZE)
    session.keep(completed)
    fake_clock.advance(days=10)
    other = connect()
    completed.prune(RETENTION, KEPT)
    other.same(completed).take([other.same(failed[0])])
    session.commit()

    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    assert other.same(completed).take([other.same(failed[0])]) == {failed[0]._p_oid}
    other.commit()
    session.sync()
    assert list(completed) == failed[:0:-1]
