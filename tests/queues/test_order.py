"""Looking at a queue: the order of the waiting partials, their number, taking them out."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from persistent import GHOST

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING
from zcasync.queues.lane import Page
from zcasync.queues.restriction import BROKEN


def put_at(session: Session, clock: FakeClock, *minutes: int) -> list[Partial]:
    """Put partials that are due at these distances from now, and commit."""
    put = [session.queue.put(samples.nothing, clock.later(minutes=m)) for m in minutes]
    session.commit()
    return put


def minutes(clock: FakeClock, partials: list[Partial]) -> list[int]:
    """How far from now they are due."""
    return [(partial.begin_after - clock.moment) // timedelta(minutes=1) for partial in partials]


def test_iteration_is_in_the_order_of_begin_after(session: Session, fake_clock: FakeClock) -> None:
    put_at(session, fake_clock, 5, 1, 3, 2, 4, 0)

    assert minutes(fake_clock, list(session.queue)) == [0, 1, 2, 3, 4, 5]


def test_iteration_is_in_order_across_lanes_pages_and_trees(
    connect: Connect, fake_clock: FakeClock
) -> None:
    one, two, three = connect(), connect(), connect()
    put_at(one, fake_clock, *range(0, 90, 3))
    put_at(two, fake_clock, *range(88, 0, -3))
    three.sync()
    assert len(three.claim(1)) == 1
    three.commit()
    for session in (one, two):
        session.sync()
    put_at(one, fake_clock, 1, 2, 0)
    three.sync()

    expected = sorted([*range(3, 90, 3), *range(88, 0, -3), 1, 2, 0])
    assert minutes(fake_clock, list(three.queue)) == expected
    assert len(three.queue) == len(expected)


def test_partials_with_the_same_time_keep_the_order_of_their_puts(
    session: Session, fake_clock: FakeClock
) -> None:
    put = put_at(session, fake_clock, *[0] * 50)

    assert list(session.queue) == put


def test_iter_due_is_the_part_whose_time_has_come(session: Session, fake_clock: FakeClock) -> None:
    put_at(session, fake_clock, 9, 0, 5, 1, 0)
    fake_clock.advance(minutes=5)

    assert minutes(fake_clock, list(session.queue.iterDue())) == [-5, -5, -4, 0]


@pytest.mark.parametrize("filed", [False, True])
def test_held_partials_are_counted(session: Session, fake_clock: FakeClock, filed: bool) -> None:
    put_at(session, fake_clock, 0, 5, 0, 9)
    claimed = session.claim() if filed else []

    assert (len(session.queue), session.queue.count_held()) == (4 - len(claimed), 2)
    fake_clock.advance(minutes=5)
    assert session.queue.count_held() == 1
    fake_clock.advance(minutes=5)
    assert session.queue.count_held() == 0


def loaded(objects: Iterable[Any]) -> int:
    return sum(one._p_state != GHOST for one in objects)


def pages(session: Session) -> list[Page]:
    """Every page of the lanes, as it comes: walking along them loads them."""
    found, page = [], next(one.page for one in session.queue.lanes().values() if one.page.next)
    while page is not None:
        found.append(page)
        page = page.next
    return found


def test_counting_a_long_queue_loads_its_ends_only(connect: Connect) -> None:
    session = connect()
    for _ in range(10):
        session.queue.put_many([Partial(samples.nothing) for _ in range(20)])
        session.commit()
    between = [page._p_oid for page in pages(session)[1:-1]]
    assert len(between) > 5
    other = connect()
    assert (len(other.queue), other.queue.count_held()) == (200, 0)
    assert loaded(other.connection.get(oid) for oid in between) == 0


def test_counting_what_was_put_for_later_looks_at_it(
    session: Session, fake_clock: FakeClock
) -> None:
    for number in range(60):
        put_at(session, fake_clock, 5 if number == 30 else 0)
    assert session.queue.count_held() == 1
    fake_clock.advance(minutes=5)
    assert session.queue.count_held() == 0


@pytest.mark.parametrize("due", [0, 600])
def test_counting_what_is_filed_walks_along_the_shorter_part(
    connect: Connect, fake_clock: FakeClock, due: int
) -> None:
    session = connect()
    later = [Partial(samples.nothing) for _ in range(600)]
    for one in later[:due]:
        one.selectedUUIDs.add(TWO)
    session.queue.put_many(later[:due])
    session.queue.put_many(later[due:], fake_clock.later(hours=1))
    session.commit()
    assert session.claim() == []
    session.commit()
    other = connect()
    assert (len(other.queue), other.queue.count_held()) == (600, 600 - due)
    trees = [one for lane in other.queue.lanes().values() for one in (lane.filed or {}).values()]
    buckets, bucket = [], trees[0]._firstbucket
    while bucket is not None:
        is_loaded = bucket._p_state != GHOST
        buckets.append(is_loaded)
        bucket = bucket._next
    assert len(buckets) > 5
    assert sum(buckets) <= 3


@pytest.mark.parametrize("index", [0, 1, 3, -1, -3, -4])
def test_pull_takes_a_partial_out_by_its_place(
    session: Session, fake_clock: FakeClock, index: int
) -> None:
    put_at(session, fake_clock, 3, 0, 2, 1)
    by_time = list(session.queue)

    pulled = session.queue.pull(index)

    assert pulled is by_time[index]
    assert (pulled.queue, pulled.state) == (None, PENDING)
    assert list(session.queue) == [partial for partial in by_time if partial is not pulled]
    assert len(session.queue) == 3


@pytest.mark.parametrize("index", [3, -4, 100])
def test_a_place_that_is_not_there_cannot_be_pulled(
    session: Session, fake_clock: FakeClock, index: int
) -> None:
    put_at(session, fake_clock, 0, 0, 0)

    with pytest.raises(IndexError, match=f"the queue has no partial number {index}"):
        session.queue.pull(index)
    assert len(session.queue) == 3


def test_a_partial_that_was_pulled_can_be_called_or_put_again(
    session: Session, fake_clock: FakeClock
) -> None:
    put_at(session, fake_clock, 0, 0)
    first, second = session.queue.pull(), session.queue.pull()
    assert session.claim() == []

    assert second() is None
    assert session.queue.put(first) is first
    assert list(session.queue) == [first]
    assert len(session.queue) == 1
    assert session.claim() == [first]
    assert len(session.queue) == 0


def test_a_partial_that_was_pulled_can_go_to_the_other_queue(
    session: Session, fake_clock: FakeClock
) -> None:
    put_at(session, fake_clock, 0)
    partial = session.manager.reactor.put(session.queue.pull())
    session.commit()

    assert (len(session.queue), len(session.manager.reactor)) == (0, 1)
    assert session.claim() == []
    assert session.manager.reactor.claim(ONE.bytes, 10).partials == [partial]


def test_pull_next_takes_the_next_due_partial_that_the_worker_may_run(
    session: Session, fake_clock: FakeClock
) -> None:
    [late, not_mine, mine, next_] = put_at(session, fake_clock, 5, 0, 0, 0)
    not_mine.selectedUUIDs.add(TWO)
    session.commit()

    assert session.queue.pullNext(ONE) is mine
    assert (mine.queue, mine.state) == (None, PENDING)
    assert session.queue.pullNext(ONE) is next_
    assert session.queue.pullNext(ONE) is None
    assert session.queue.pullNext(TWO) is not_mine
    assert list(session.queue) == [late]
    assert len(session.queue) == 1
    assert session.queue.pullNext(uuid.uuid4()) is None
    fake_clock.advance(minutes=5)
    assert session.queue.pullNext(uuid.uuid4()) is late


def test_a_partial_that_does_not_wait_here_cannot_be_withdrawn(
    session: Session, fake_clock: FakeClock
) -> None:
    [waiting] = put_at(session, fake_clock, 0)
    elsewhere = session.manager.reactor.put(samples.nothing)

    for partial in (Partial(samples.nothing), elsewhere):
        with pytest.raises(BadStateError, match="does not wait in this queue"):
            session.queue.withdraw(partial)
    session.queue.withdraw(waiting)
    with pytest.raises(BadStateError, match="does not wait in this queue"):
        session.queue.withdraw(waiting)
    assert len(session.queue) == 0


def test_broken_records_are_counted_but_do_not_spoil_the_iteration(
    session: Session, fake_clock: FakeClock
) -> None:
    good, bad, last = put_at(session, fake_clock, 0, 0, 0)
    lose(session, bad)

    assert list(session.queue) == [good, last]
    assert session.queue.pull(-1) is last
    assert session.queue.pull(0) is good
    assert session.claim() == []
    assert list(session.queue) == []
    assert len(session.queue) == 1
    [lane] = [lane for lane in session.queue.lanes().values() if lane.filed]
    assert list(lane.filed[BROKEN].values()) == [bad]


def lose(session: Session, partial: Partial) -> None:
    """Let the record of a partial be unreadable from now on."""
    load = session.connection._storage.load

    def without(oid: bytes, *args: object) -> object:
        if oid == partial._p_oid:
            return b"\x80\x03cno.such.module\nGone\nq\x00.garbage", b"\0" * 8
        return load(oid, *args)

    session.connection._storage.load = without
    partial._p_invalidate()
