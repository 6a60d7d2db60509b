"""Lanes: pages, savepoints and aborts, lanes that are given up; nothing is ever lost."""

import gc
import weakref

import pytest
from ZODB.POSException import ConflictError
from ZODB.serialize import referencesf
from ZODB.utils import u64

from tests.jobs import samples
from tests.support.sessions import ONE, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.queues.client_lane import FIRST
from zcasync.queues.lane import BULK_PAGE_SIZE, PAGE_SIZE, Page


def put(session: Session, count: int = 1) -> list[Partial]:
    """Put so many no-ops; does not commit."""
    return [session.queue.put(samples.nothing) for _ in range(count)]


def pages(session: Session) -> list[int]:
    """The lengths of the pages of the lanes that hold something."""
    found = []
    for lane in session.queue.lanes().values():
        page = lane.page
        while page is not None:
            found += [len(page.partials)] if page.partials else []
            page = page.next
    return found


def test_a_put_writes_one_short_page_and_the_partial(session: Session) -> None:
    put(session)
    session.commit()
    for number in range(3 * PAGE_SIZE):
        put(session)
        written = {type(obj).__name__ for obj in session.connection._registered_objects}
        new_page = {"Inbox"} if (number + 1) % PAGE_SIZE == 0 else set()
        assert written == {"Partial", "Page"} | new_page, number
        session.commit()

    assert pages(session) == [PAGE_SIZE, PAGE_SIZE, PAGE_SIZE, 1]
    assert len(session.queue) == 3 * PAGE_SIZE + 1


def test_put_many_writes_long_pages_and_single_puts_go_on_with_short_ones(
    session: Session,
) -> None:
    put(session)
    session.commit()
    session.queue.put_many([samples.nothing] * (2 * BULK_PAGE_SIZE + 100))
    session.commit()
    put(session, PAGE_SIZE + 5)
    session.commit()

    # The first page and the last of the bulk are as long as single puts leave them.
    bulk = [BULK_PAGE_SIZE, BULK_PAGE_SIZE, 100 - (PAGE_SIZE - 1)]
    assert pages(session) == [PAGE_SIZE, *bulk, PAGE_SIZE, 5]
    everything = list(session.queue)
    assert len(session.queue) == len(everything) == 2 * BULK_PAGE_SIZE + 106 + PAGE_SIZE
    assert session.claim(600) + session.claim(600) == everything


def test_a_client_and_a_pass_do_not_walk_along_the_pages(connect: Connect) -> None:
    put_many = connect()
    for _ in range(5):
        put_many.queue.put_many([samples.nothing] * BULK_PAGE_SIZE)
        put_many.commit()
    looking = connect()

    assert len(looking.queue) == 5 * BULK_PAGE_SIZE
    assert looking.queue.watched()

    loaded = [obj for obj in looking.connection._cache.lru_items() if isinstance(obj[1], Page)]
    assert len([obj for _, obj in loaded if obj._p_changed is not None]) <= 3


def test_a_bulk_page_is_not_made_longer_by_the_next_commit(session: Session) -> None:
    session.queue.put_many([samples.nothing] * 30)
    session.commit()
    session.queue.put_many([samples.nothing] * 30)
    session.commit()

    assert pages(session) == [30, 30]


def test_the_cost_of_a_put_does_not_grow_with_what_waits(session: Session) -> None:
    sizes = []
    for _ in range(3):
        session.queue.put_many([samples.nothing] * 1000)
        session.commit()
        partial = put(session)[0]
        written = [*session.connection._registered_objects]
        session.commit()
        load = session.connection._storage.load
        sizes.append(sum(len(load(obj._p_oid)[0]) for obj in [*written, partial]))

    assert max(sizes) < 2 * min(sizes) + 500


def test_a_put_that_was_aborted_leaves_nothing_and_the_next_one_works(session: Session) -> None:
    for _ in range(3):
        put(session, 2)
        session.abort()
        assert (len(session.queue), list(session.queue)) == (0, [])
    kept = put(session, 2)
    session.commit()
    put(session, 2 * PAGE_SIZE)
    session.abort()
    kept += put(session)
    session.commit()

    assert list(session.queue) == kept
    assert session.claim() == kept


@pytest.mark.parametrize("before", [0, 1, PAGE_SIZE, 2 * PAGE_SIZE + 1])
@pytest.mark.parametrize("within", [1, 2 * PAGE_SIZE])
@pytest.mark.parametrize("is_new_lane", [True, False])
def test_a_savepoint_that_is_rolled_back_takes_back_only_what_came_after_it(
    connect: Connect, before: int, within: int, is_new_lane: bool
) -> None:
    session, other = connect(), connect()
    kept = []
    if not is_new_lane:
        kept += put(session)
        session.commit()
    kept += put(session, before)
    savepoint = session.savepoint()
    lost = put(session, within)
    session.savepoint()
    lost += put(session, within)
    savepoint.rollback()
    kept += put(session)
    savepoint = session.savepoint()
    lost += put(session)
    savepoint.rollback()
    session.commit()
    kept += put(session)
    session.commit()

    other.sync()
    expected = [partial._p_oid for partial in kept]
    assert [partial._p_oid for partial in other.queue] == expected
    assert len(other.queue) == len(kept)
    assert [partial._p_oid for partial in other.claim()] == expected
    other.commit()
    assert (len(other.queue), all_records_can_be_loaded(other)) == (0, True)


def test_a_savepoint_and_then_an_abort_leave_nothing(session: Session, connect: Connect) -> None:
    put(session)
    session.savepoint()
    put(session)
    session.abort()
    [kept] = put(session)
    session.commit()

    other = connect()
    assert [partial._p_oid for partial in other.queue] == [kept._p_oid]
    assert all_records_can_be_loaded(other)


def all_records_can_be_loaded(session: Session) -> bool:
    """Whether nothing that the root leads to refers to a record that is not there."""
    todo, seen = [session.root._p_oid], set()
    while todo:
        oid = todo.pop()
        if oid not in seen:
            seen.add(oid)
            todo += referencesf(session.connection._storage.load(oid)[0])
    return u64(max(seen)) > 0


def test_each_connection_has_a_lane_of_its_own(connect: Connect) -> None:
    sessions = [connect() for _ in range(4)]
    for session in sessions:
        session.sync()
        put(session, 2)
        session.commit()
        put(session, 2)
        session.commit()

    sessions[0].sync()
    lanes = sessions[0].queue.lanes()
    assert len(lanes) == 1 + 4
    assert sorted(lane.count() for lane in lanes.values()) == [0, 4, 4, 4, 4]


def test_idle_lanes_are_dropped_and_their_owners_start_new_ones(connect: Connect) -> None:
    owner, engine = connect(), connect()
    put(owner, 3)
    owner.commit()
    engine.sync()
    assert len(engine.claim()) == 3
    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    engine.commit()

    assert list(engine.queue.lanes()) == [FIRST], "the first one stays"
    owner.sync()
    for _ in range(2):
        put(owner, 2)
        owner.commit()
    engine.sync()
    assert len(engine.queue) == len(list(engine.queue)) == len(engine.claim()) == 4


def test_a_lane_that_is_not_empty_is_not_dropped(
    session: Session, connect: Connect, fake_clock: FakeClock
) -> None:
    session.queue.put(samples.nothing, fake_clock.later(hours=1))
    session.commit()
    other = connect()
    for read in (False, True):
        if read:
            assert other.claim() == []
        other.queue.drop_idle_lanes([*other.queue.lanes(), b"unknown" * 2])
        other.commit()
        assert len(other.queue) == 1


@pytest.mark.parametrize("first", ["owner", "engine"])
def test_a_lane_that_is_dropped_while_its_owner_puts_loses_nothing(
    connect: Connect, first: str
) -> None:
    owner, engine = connect(), connect()
    put(owner)
    owner.commit()
    engine.sync()
    engine.claim()
    engine.commit()
    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    put(owner)
    sessions = {"owner": owner, "engine": engine}
    late = sessions.pop("engine" if first == "owner" else "owner")
    sessions[first].commit()
    assert conflicts(late)
    late.abort()
    if late is owner:
        put(owner)
        owner.commit()

    engine.sync()
    assert len(engine.queue) == len(engine.claim()) == 1


def conflicts(session: Session) -> bool:
    """Whether its commit does."""
    with pytest.raises(ConflictError):
        session.commit()
    return True


def test_the_count_is_right_after_a_lane_with_withdrawn_partials_is_dropped(
    connect: Connect,
) -> None:
    owner, other, engine = connect(), connect(), connect()
    [one, two] = put(owner, 2)
    owner.commit()
    other.sync()
    put(other)
    other.commit()
    owner.sync()
    owner.queue.withdraw(one)
    owner.commit()
    other.sync()
    other.queue.withdraw(other.same(two))
    other.commit()
    engine.sync()
    assert len(engine.queue) == 1

    assert len(engine.claim()) == 1
    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    engine.commit()

    assert (len(engine.queue), list(engine.queue.lanes())) == (0, [FIRST])


def test_a_lane_that_was_packed_away_is_replaced(connect: Connect, db: object) -> None:
    owner, engine = connect(), connect()
    put(owner)
    owner.commit()
    engine.sync()
    engine.claim()
    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    engine.commit()
    db.pack()
    owner.sync()
    owner.connection.cacheMinimize()

    put(owner)
    owner.commit()

    engine.sync()
    assert len(engine.claim()) == 1


def test_broken_records_are_quarantined_and_tried_again(session: Session) -> None:
    good, bad = put(session, 2)
    session.commit()
    session.connection.cacheMinimize()
    load = session.connection._storage.load

    def without(oid: bytes, *args: object) -> object:
        data, serial = load(oid, *args)
        return (b"garbage" if oid == bad._p_oid else data), serial

    session.connection._storage.load = without
    claimed = session.queue.claim(ONE.bytes, 10)
    session.commit()

    assert claimed.partials == [good]
    [(partial, problem)] = claimed.broken
    assert partial is bad
    assert "its record cannot be loaded: " in problem
    assert len(session.queue) == 1
    assert session.queue.claim(ONE.bytes, 10).broken == [], "it is reported once"

    session.connection._storage.load = load
    assert session.queue.retry_broken() == 1
    session.commit()
    assert session.claim() == [bad]
    assert (len(session.queue), session.queue.retry_broken()) == (0, 0)


def test_the_records_that_a_put_writes_are_watched(connect: Connect) -> None:
    """An engine that sees invalidations of these records notices every put, of new clients too."""
    engine = connect()
    for number in range(100):
        client = connect() if number % 2 else engine
        client.sync()
        watched = client.queue.watched()
        for _ in range(1 + number % 3):
            put(client)
            written = {obj._p_oid for obj in client.connection._registered_objects}
            assert written & watched, number
            client.commit()
            watched = client.queue.watched()


def test_the_pages_that_were_read_are_no_longer_referred_to(session: Session) -> None:
    for _ in range(5):
        put(session, PAGE_SIZE)
        session.commit()
    session.claim()
    session.commit()

    lanes = session.queue.lanes().values()
    reachable = [lane.page for lane in lanes]
    assert all(isinstance(page, Page) and page.next is None for page in reachable)


def test_a_connection_that_has_put_is_not_kept_for_ever(session: Session) -> None:
    """Where a pool drops a connection that nobody has needed for long, its memory comes back."""
    db = session.connection.db()
    client = Session(db)
    for _ in range(2):  # the second time its inbox is committed, and remembered
        put(client)
        client.commit()
    connection = weakref.ref(client.connection)
    client.close()
    del client
    db.pool.setTimeout(-1)
    db.pool.availableGC()  # drops it
    for _ in range(2):  # the first time finds out that the objects of a cache are garbage
        gc.collect()
    assert connection() is None
