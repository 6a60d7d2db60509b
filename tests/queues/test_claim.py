"""Claiming: in which order, how many, by whom; giving back; records that cannot be loaded."""

from datetime import timedelta

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, THREE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING
from zcasync.queues import claim_heads
from zcasync.queues import claimed as claiming
from zcasync.queues.access import Access
from zcasync.queues.lane import Lane


def put(session: Session, count: int = 1, **options: object) -> list[Partial]:
    """Put so many no-ops, and commit."""
    partials = [session.queue.put(samples.nothing, **options) for _ in range(count)]
    session.commit()
    return partials


def claim_all(session: Session) -> list[Partial]:
    """Claim and commit until there is nothing more to look at."""
    found = []
    while claimed := session.queue.claim(ONE.bytes, 100):
        found += claimed.partials
        session.commit()
        if not claimed.examined:
            return found
    raise AssertionError


def test_the_oldest_partials_are_claimed_first_over_all_lanes(
    connect: Connect, fake_clock: FakeClock
) -> None:
    clients = [connect() for _ in range(3)]
    expected = []
    for number in range(30):
        fake_clock.advance(seconds=1)
        client = clients[number % 3]
        client.sync()
        expected += put(client)
    engine = connect()

    found = [engine.claim(7) for _ in range(5)]

    assert [len(some) for some in found] == [7, 7, 7, 7, 2]
    assert [partial._p_oid for some in found for partial in some] == [p._p_oid for p in expected]


def test_claiming_leaves_the_records_of_the_partials_alone(session: Session) -> None:
    [partial] = put(session)

    assert session.claim() == [partial]
    assert not partial._p_changed
    assert partial.state == PENDING


@pytest.mark.parametrize("limit", [0, 1, 10])
def test_a_claim_takes_no_more_than_its_limit(session: Session, limit: int) -> None:
    partials = put(session, 5)

    assert session.claim(limit) == partials[:limit]
    assert len(session.queue) == max(0, 5 - limit)


def test_a_held_partial_is_claimed_when_its_time_has_come(
    session: Session, fake_clock: FakeClock
) -> None:
    [late] = put(session, begin_after=fake_clock.later(minutes=9))
    [soon] = put(session, begin_after=fake_clock.later(minutes=5))
    [now] = put(session)

    assert session.claim() == [now]
    assert session.claim() == []
    fake_clock.advance(minutes=5)
    assert session.claim() == [soon]
    fake_clock.advance(minutes=5)
    assert session.claim() == [late]
    assert len(session.queue) == 0


def test_due_work_behind_held_work_is_not_kept_waiting_by_other_lanes(
    connect: Connect, fake_clock: FakeClock
) -> None:
    scheduler, flood, engine = connect(), connect(), connect()
    put(scheduler, 3, begin_after=fake_clock.later(hours=1))
    [behind] = put(scheduler)
    for _ in range(5):
        fake_clock.advance(seconds=1)
        flood.sync()
        put(flood, 10)

    claimed = []
    for _ in range(5):
        engine.sync()
        claimed += engine.claim(5)
        engine.commit()
        flood.sync()
        fake_clock.advance(seconds=1)
        put(flood, 5)

    assert engine.same(behind) in claimed


def test_the_time_of_the_next_due_partial_is_known(session: Session, fake_clock: FakeClock) -> None:
    queue = session.queue
    assert queue.next_due(ONE.bytes) is None
    [late] = put(session, begin_after=fake_clock.later(minutes=9))
    [not_mine] = put(session, begin_after=fake_clock.later(minutes=5))
    not_mine.selectedUUIDs.add(TWO)
    session.commit()
    claim_all(session)

    assert queue.next_due(ONE.bytes) == late.due
    assert queue.next_due(TWO.bytes) == not_mine.due


def test_partials_that_no_claim_has_read_are_due_now(
    session: Session, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "EXAMINE_LIMIT", 10)
    late = put(session, 15, begin_after=fake_clock.later(minutes=9))
    behind = put(session)

    assert session.claim() == []
    assert session.queue.next_due(ONE.bytes) == fake_clock.microseconds
    assert session.claim() == behind
    assert session.queue.next_due(ONE.bytes) == late[0].due


@pytest.mark.parametrize("how", ["selected", "excluded"])
@pytest.mark.parametrize("when", ["before the put", "while waiting", "while filed", "while held"])
def test_only_a_worker_that_may_run_it_claims_it(
    session: Session, fake_clock: FakeClock, how: str, when: str
) -> None:
    partial = Partial(samples.nothing)
    restrict = {
        "selected": lambda: partial.selectedUUIDs.update([TWO]),
        "excluded": lambda: partial.excludedUUIDs.update([ONE, THREE]),
    }[how]
    if when == "before the put":
        restrict()
    held = when == "while held"
    if when == "while filed":
        partial.selectedUUIDs.add(THREE)
    session.queue.put(partial, fake_clock.later(minutes=5) if held else None)
    [other] = put(session)
    if when in ("while filed", "while held"):
        assert session.claim() == [other]
        session.commit()
        if when == "while filed":
            partial.selectedUUIDs.remove(THREE)
    if when != "before the put":
        restrict()
        session.commit()
    fake_clock.advance(minutes=5)

    for worker in (ONE, THREE, ONE):
        assert partial not in session.claim(worker=worker)
        session.commit()
    assert list(session.queue) == [partial]
    assert len(session.queue) == 1
    assert session.claim(worker=TWO) == [partial]
    assert session.claim(worker=TWO) == []
    assert (list(session.queue), len(session.queue)) == ([], 0)


def test_a_restriction_that_is_removed_lets_every_worker_run_the_partial(session: Session) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    session.queue.put(partial)
    session.commit()
    assert session.claim() == []
    session.commit()

    partial.selectedUUIDs.remove(TWO)
    session.commit()

    assert session.claim() == [partial]
    assert len(session.queue) == 0


def test_a_partial_whose_restriction_changes_often_is_claimed_once(session: Session) -> None:
    [partial] = put(session)
    for _ in range(3):
        partial.selectedUUIDs.add(TWO)
        partial.excludedUUIDs.add(THREE)
        session.commit()
        assert session.claim() == []
        partial.selectedUUIDs.remove(TWO)
        session.commit()
    assert (list(session.queue), len(session.queue)) == ([partial], 1)

    assert session.claim(worker=ONE) == [partial]
    session.queue.release(session.activate_claimed(partial))
    assert (list(session.queue), len(session.queue)) == ([partial], 1)
    assert session.claim(worker=ONE) == [partial]
    session.activate_claimed(partial)
    assert claim_all(session) == []
    assert (list(session.queue), len(session.queue)) == ([], 0)


def test_partials_for_other_workers_do_not_hide_those_for_this_one(session: Session) -> None:
    partials = put(session, 30)
    for partial in partials[:-1]:
        partial.selectedUUIDs.add(TWO)
    session.commit()

    assert session.claim(1) == [partials[-1]]


def test_a_claim_ends_soon_and_the_next_one_goes_on(
    session: Session, monkeypatch: pytest.MonkeyPatch, fake_clock: FakeClock
) -> None:
    monkeypatch.setattr(claiming, "EXAMINE_LIMIT", 10)
    put(session, 25, begin_after=fake_clock.later(hours=1))
    [due] = put(session)

    found = []
    for _ in range(4):
        claimed = session.queue.claim(ONE.bytes, 5)
        assert claimed.examined <= 10
        found += claimed.partials
        session.commit()

    assert found == [due]
    assert len(session.queue) == session.queue.count_held() == 25


def test_released_partials_take_their_old_place(session: Session, fake_clock: FakeClock) -> None:
    first, second = put(session, 2)
    fake_clock.advance(seconds=1)
    third, fourth = put(session, 2)
    claimed = session.claim(3)
    for partial in reversed(claimed):
        session.queue.release(session.activate_claimed(partial))
    session.commit()

    assert claimed == [first, second, third]
    assert {*list(session.queue)[:2]} == {first, second}
    assert list(session.queue)[2:] in ([third, fourth], [fourth, third])
    assert len(session.queue) == 4
    assert {*session.claim(2)} == {first, second}
    assert {*session.claim(2)} == {third, fourth}


def test_many_partials_of_one_time_can_be_released_and_claimed_again(session: Session) -> None:
    partials = session.queue.put_many([samples.nothing] * 60)
    session.commit()
    for _ in range(3):
        for partial in session.claim(25):
            session.queue.release(session.activate_claimed(partial))
        session.commit()

    assert len(session.queue) == 60
    assert {*session.claim()} == {*partials}


def test_a_partial_can_be_released_for_later(session: Session, fake_clock: FakeClock) -> None:
    [partial] = put(session)
    [claimed] = session.claim()
    session.queue.release(session.activate_claimed(claimed), delay=60_000_000)
    session.commit()

    assert partial.begin_after == fake_clock.later(minutes=1)
    assert (session.claim(), session.queue.count_held()) == ([], 1)
    fake_clock.advance(minutes=1)
    assert session.claim() == [partial]


def test_only_a_claimed_partial_can_be_released(session: Session) -> None:
    [partial] = put(session)

    with pytest.raises(BadStateError, match="that is pending cannot become pending"):
        session.queue.release(partial)
    assert len(session.queue) == 1


def test_the_engine_is_written_on_the_lanes_and_impolite_lanes_are_left_alone(
    connect: Connect,
) -> None:
    one, two, engine = connect(), connect(), connect()
    put(one)
    two.sync()
    put(two)
    engine.sync()
    seen: list[bytes] = []

    def polite(key: bytes, lane: Lane) -> bool:
        seen.append(key)
        return lane.next_in_inbox() is not None and len(seen) <= 2

    claimed = engine.queue.claim(ONE.bytes, 10, engine=b"e" * 16, polite=polite)

    lanes = engine.queue.lanes()
    assert set(seen) == set(lanes)
    assert [lane.owner for lane in lanes.values()].count(b"e" * 16) == len(claimed.partials) == 1


@pytest.mark.parametrize("after", [0, 5])
def test_expired_partials_are_claimed_by_workers_that_may_not_run_them(
    session: Session, fake_clock: FakeClock, after: int
) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    session.queue.put(partial, fake_clock.later(minutes=after), timedelta(minutes=1))
    session.commit()
    assert session.claim() == []
    session.commit()
    fake_clock.advance(minutes=after + 1)
    assert session.claim() == []
    fake_clock.advance(seconds=1)

    assert session.queue.next_due(ONE.bytes) <= fake_clock.microseconds
    assert session.claim() == [partial]
    session.activate_claimed(partial)
    assert (claim_all(session), len(session.queue)) == ([], 0)


def test_many_expired_partials_are_claimed_within_the_limit(
    session: Session, fake_clock: FakeClock
) -> None:
    partials = [Partial(samples.nothing) for _ in range(20)]
    for partial in partials:
        partial.selectedUUIDs.add(TWO)
        session.queue.put(partial, begin_by=timedelta(minutes=1))
    session.commit()
    assert session.claim() == []
    session.commit()
    fake_clock.advance(minutes=2)

    found = [session.claim(7) for _ in range(4)]

    assert [len(some) for some in found] == [7, 7, 6, 0]
    assert {partial for some in found for partial in some} == {*partials}


@pytest.mark.parametrize("was_filed", [False, True])
def test_an_interrupted_partial_has_no_deadline_any_more(
    session: Session, fake_clock: FakeClock, was_filed: bool
) -> None:
    """It was begun in time once: only those who may run it run it again."""
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    session.queue.put(partial, begin_by=timedelta(minutes=1))
    session.commit()
    if was_filed:
        assert session.claim(worker=ONE) == []
        session.commit()
    assert session.claim(worker=TWO) == [partial]
    session.activate_claimed(partial)._interruptions += 1
    session.queue.release(partial)
    session.commit()
    fake_clock.advance(minutes=10)

    assert session.claim(worker=ONE) == []
    assert session.claim(worker=TWO) == [partial]
    assert len(session.queue) == 0


@pytest.mark.parametrize(("limit", "helped"), [(3, 0), (5, 2)])
def test_a_lane_that_is_for_the_idle_is_read_when_the_others_do_not_give_enough(
    connect: Connect, fake_clock: FakeClock, limit: int, helped: int
) -> None:
    other, mine = connect(), connect()
    theirs = put(other, 4)
    fake_clock.advance(seconds=1)
    mine.sync()
    own = put(mine, 3)
    engine = connect()
    oids = {partial._p_oid for partial in theirs}

    def polite(key: bytes, lane: Lane) -> Access:
        entry = lane.next_in_inbox()
        is_theirs = entry is not None and entry.partial._p_oid in oids
        return Access.IF_IDLE if is_theirs else Access.NOW

    claimed = engine.queue.claim(ONE.bytes, limit, polite=polite)

    expected = [partial._p_oid for partial in [*own, *theirs[:helped]]]
    assert [partial._p_oid for partial in claimed.partials] == expected


def test_held_partials_are_loaded_many_at_a_time_when_they_are_filed(
    connect: Connect, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise what is due behind 20,000 of them waits for 20,000 round trips."""
    client, engine = connect(), connect()
    client.queue.put_many([samples.nothing] * 500, begin_after=fake_clock.later(days=1))
    due = client.queue.put(samples.nothing)
    client.commit()
    asked: list[list[bytes]] = []
    monkeypatch.setattr(claim_heads, "load_all", lambda jar, oids: asked.append(list(oids)))
    engine.sync()
    assert engine.claim(1) == [engine.same(due)]
    assert engine.queue.count_held() == 500
    asked_for = {oid for oids in asked for oid in oids}
    assert {one._p_oid for one in client.queue if one is not due} <= asked_for
    assert len(asked) < 10
