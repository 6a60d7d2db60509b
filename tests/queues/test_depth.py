"""Looking at a long queue, from either end, loads what a short one would have loaded."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from ZODB import DB
from ZODB.POSException import UndoError
from ZODB.serialize import referencesf

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.queues import page_index, pull
from zcasync.queues.client_lane import own_lane
from zcasync.queues.order import Waiting

SHORT, LONG = 200, 6000


def put_due(session: Session, clock: FakeClock, count: int) -> None:
    for _ in range(count):
        clock.advance(microseconds=1)
        session.queue.put(samples.nothing)


def put_at_once(session: Session, clock: FakeClock, count: int) -> None:
    session.queue.put_many([samples.nothing] * count)


def put_due_behind_held(session: Session, clock: FakeClock, count: int) -> None:
    later = clock.later(days=1)
    for _ in range(count - 20):
        session.queue.put(samples.nothing, later)
    put_due(session, clock, 20)


def put_due_before_held(session: Session, clock: FakeClock, count: int) -> None:
    put_due(session, clock, 20)
    for distance in range(count - 20, 0, -1):
        session.queue.put(samples.nothing, clock.later(days=1, microseconds=distance))


def put_in_turns(session: Session, clock: FakeClock, count: int) -> None:
    for _ in range(count // 2):
        clock.advance(microseconds=1)
        session.queue.put(samples.nothing)
        session.queue.put(samples.nothing, clock.later(minutes=1))


def put_filed(session: Session, clock: FakeClock, count: int) -> None:
    """As a claimer leaves them."""
    put_due_before_held(session, clock, count)
    taken: list[Partial] = []
    while any(lane.next_in_inbox() for lane in session.queue.lanes().values()):
        taken += session.claim()
    for partial in taken:
        session.activate_claimed(partial)
        session.queue.release(partial)


def put_mixed(session: Session, clock: FakeClock, count: int) -> None:
    """Of several priorities."""
    for number in range(count):
        clock.advance(microseconds=1)
        session.queue.put(samples.nothing, priority=(-9, 0, 0, 4)[number % 4])


Fill = Callable[[Session, FakeClock, int], None]
FILLS: list[Fill] = [
    put_due, put_at_once, put_due_behind_held, put_due_before_held, put_in_turns, put_filed,
]  # fmt: skip
LOOKS: dict[str, Callable[[Any], Any]] = {
    "pull()": lambda queue: queue.pull(),
    "pull(7)": lambda queue: queue.pull(7),
    "pull(-1)": lambda queue: queue.pull(-1),
    "pull(-7)": lambda queue: queue.pull(-7),
    "pullNext": lambda queue: queue.pullNext(ONE),
    "iterDue": lambda queue: list(zip(range(5), queue.iterDue(), strict=False)),
    "for and break": lambda queue: list(zip(range(5), queue, strict=False)),
}


def loads(session: Session, look: Callable[[Any], Any]) -> int:
    """The number of records that are loaded for a look at the queue, with nothing loaded before."""
    session.connection.cacheMinimize()
    session.connection.getTransferCounts(clear=True)
    assert look(session.queue)
    loaded, _ = session.connection.getTransferCounts(clear=True)
    session.abort()
    return loaded  # type: ignore[no-any-return]


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.__name__)
def test_a_look_at_a_long_queue_loads_no_more_than_at_a_short_one(
    session: Session, fake_clock: FakeClock, fill: Fill
) -> None:
    found: dict[int, dict[str, int]] = {}
    for count in (SHORT, LONG):
        fill(session, fake_clock, count - len(session.queue))
        session.commit()
        found[count] = {name: loads(session, look) for name, look in LOOKS.items()}

    # One more: each level of the index, and of the trees, is a record.
    dearer = {name: (found[SHORT][name], found[LONG][name]) for name in LOOKS}
    assert {name: both for name, both in dearer.items() if both[1] > both[0] + 8} == {}
    assert max(found[LONG].values()) < 50


def test_each_priority_has_an_index_of_its_own_to_go_through(
    session: Session, fake_clock: FakeClock
) -> None:
    put_mixed(session, fake_clock, LONG)
    session.commit()
    found = {name: loads(session, look) for name, look in LOOKS.items()}
    assert {name: count for name, count in found.items() if count > 3 * 25} == {}


@pytest.mark.parametrize("fill", [put_at_once, put_mixed], ids=lambda fill: fill.__name__)
def test_a_put_and_a_claim_cost_the_same_whatever_waits(
    session: Session, fake_clock: FakeClock, fill: Fill
) -> None:
    found: dict[int, tuple[int, list[int]]] = {}
    for count in (SHORT, LONG):
        fill(session, fake_clock, count - len(session.queue))
        session.commit()
        claimed = loads(session, lambda queue: queue.claim(ONE.bytes, 20).partials)
        writes = []
        for priority in (0, -9, 0, 4):
            session.queue.put(samples.nothing, priority=priority)
            writes.append(len(session.connection._registered_objects))
            session.abort()
        found[count] = claimed, writes
    (short, few), (long, many) = found[SHORT], found[LONG]

    assert short - 8 <= long <= short + 8
    assert max(few + many) <= 6, "the call, and at most a page that is full and the next one"


def test_times_without_order_cost_a_few_records_more(
    session: Session, fake_clock: FakeClock
) -> None:
    rolls = random.Random(16)
    for _ in range(LONG):
        session.queue.put(samples.nothing, fake_clock.later(seconds=rolls.randrange(10**5)))
    session.commit()

    assert max(loads(session, LOOKS[name]) for name in ("pull()", "pull(-1)")) < 50
    assert loads(session, lambda queue: queue.pull(30)) < 300


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of many levels."""
    monkeypatch.setattr(page_index, "FAN", 3)
    monkeypatch.setattr(page_index, "RUN_ENTRIES", 25)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_by_time_then_by_put_from_either_end(
    connect: Connect, fake_clock: FakeClock, seed: int
) -> None:
    rolls = random.Random(seed)
    clients, claimer = [connect(), connect()], connect()
    number = {}
    for _ in range(12):
        client = rolls.choice(clients)
        client.sync()
        for _ in range(rolls.randrange(60)):
            number[client.queue.put(samples.nothing, at(fake_clock, rolls))._p_oid] = len(number)
        many = [Partial(samples.nothing) for _ in range(rolls.choice([0, 40]))]
        for partial in client.queue.put_many(many, at(fake_clock, rolls)):
            number[partial._p_oid] = len(number)
        client.commit()
        claimer.sync()
        for partial in claimer.claim(rolls.randrange(20)):
            claimer.activate_claimed(partial)
        for place in (0, -1, 5) if len(claimer.queue) > 7 else ():
            claimer.queue.pull(place)
        claimer.commit()
        fake_clock.advance(seconds=rolls.randrange(3))
    claimer.sync()

    every = [claimer.connection.get(oid) for oid in number]
    waits = [one for one in every if claimer.queue.waits(one, one.due)]
    lanes = {one._p_oid: lane for one in waits for lane in [lane_of(claimer, one)]}
    found = list(claimer.queue)
    assert len(found) == len(waits) == len(claimer.queue)
    assert [one.due for one in found] == sorted(one.due for one in waits)
    for lane in set(lanes.values()):  # clients that put in the same instant are not compared
        mine = [one for one in found if lanes[one._p_oid] == lane]
        assert mine == sorted(mine, key=lambda one: (one.due, number[one._p_oid]))
    assert list(Waiting(claimer.queue, backwards=True)) == found[::-1]


def at(clock: FakeClock, rolls: random.Random) -> Any:
    return clock.later(seconds=rolls.choice([0, 0, 1, rolls.randrange(50)]))


def lane_of(session: Session, partial: Partial) -> bytes:
    """The key of the lane that has the partial."""
    for key, lane in session.queue.lanes().items():
        trees = [] if lane.filed is None else [*lane.filed.values()]
        if any(partial in tree.values() for tree in trees):
            return key
        if any(partial is one for _, one in lane.unread()):
            return key
    raise AssertionError(partial)


def test_what_pulls_leave_behind_is_taken_away(session: Session, fake_clock: FakeClock) -> None:
    put_due(session, fake_clock, 1000)
    session.commit()

    for _ in range(900):
        session.queue.pull()
        session.commit()

    waiting = Waiting(session.queue)
    assert len(list(waiting)) == len(session.queue) == 100
    assert waiting.passed <= pull.PASSED_LIMIT + 1
    assert len(session.claim()) == 100
    assert (len(session.queue), list(session.queue)) == (0, [])


def test_what_pulls_leave_behind_in_trees_is_taken_away(
    session: Session, fake_clock: FakeClock
) -> None:
    put_filed(session, fake_clock, 400)
    session.commit()

    for _ in range(300):
        session.queue.pull()
    session.commit()

    waiting = Waiting(session.queue)
    assert len(list(waiting)) == len(session.queue) == 100
    assert waiting.passed <= pull.PASSED_LIMIT + 1
    assert session.queue.count_held() == 100


def test_a_pull_does_not_write_what_claimers_write(connect: Connect, fake_clock: FakeClock) -> None:
    client, claimer = connect(), connect()
    put_due(client, fake_clock, 101)
    client.queue.pull()
    client.commit()
    for _ in range(40):
        claimer.sync()
        client.sync()
        for partial in claimer.claim(1):
            claimer.activate_claimed(partial)
        client.queue.pull(1)  # the one behind that, which is claimed next
        claimer.commit()
        client.commit()

    claimer.sync()
    assert len(claimer.queue) == len(list(claimer.queue)) == 20


def test_what_others_may_run_is_filed_when_much_of_it_was_passed_by(
    session: Session, fake_clock: FakeClock
) -> None:
    for _ in range(300):
        item = Partial(samples.nothing)
        item.selectedUUIDs.add(TWO)
        session.queue.put(item)
    mine = session.queue.put(samples.nothing)
    session.queue.put(samples.nothing)
    session.commit()

    assert session.queue.pullNext(ONE) is mine
    session.commit()

    assert loads(session, lambda queue: queue.pullNext(ONE)) < 50
    assert len(session.queue) == len(list(session.queue)) == 301
    assert session.queue.pullNext(TWO) is not None


def test_pull_next_finds_what_is_due_behind_much_that_is_held(
    session: Session, fake_clock: FakeClock
) -> None:
    session.queue.put_many([samples.nothing] * 3000, fake_clock.later(days=1))
    due = session.queue.put(samples.nothing)
    session.commit()

    assert session.queue.pullNext(ONE) is due
    assert session.queue.pullNext(ONE) is None


@pytest.mark.usefixtures("small")
def test_a_lane_without_an_index_is_read_page_by_page(
    session: Session, fake_clock: FakeClock
) -> None:
    put_in_turns(session, fake_clock, 100)
    session.commit()
    lane = own_lane(session.queue)
    before = list(session.queue)
    lane.page_index = None
    session.commit()
    put_in_turns(session, fake_clock, 100)
    session.commit()

    found = list(session.queue)
    assert (len(found), set(before) < set(found)) == (200, True)
    assert list(Waiting(session.queue, backwards=True)) == found[::-1]


@pytest.mark.usefixtures("small")
def test_the_index_keeps_no_page_and_forgets_what_was_read(
    session: Session, fake_clock: FakeClock
) -> None:
    longest = 0
    for _ in range(30):
        put_in_turns(session, fake_clock, 40)
        session.commit()
        index = own_lane(session.queue).page_index
        data, _ = session.connection._storage.load(index._p_oid)
        kinds = {type(session.connection.get(oid)).__name__ for oid in referencesf(data)}
        assert kinds <= {"Stretch"}
        longest = max(longest, len(index.notes()))
        fake_clock.advance(minutes=2)
        session.claim(1000)
        session.commit()

    assert longest <= 12


@pytest.mark.usefixtures("small")
def test_a_read_position_that_was_undone_is_read_again(
    session: Session, fake_clock: FakeClock
) -> None:
    put_due(session, fake_clock, 200)
    session.commit()
    lane = own_lane(session.queue)
    before = lane.page, lane.index
    everything = list(session.queue)
    lane.page_index.forget(120)
    assert (lane.page, lane.index) == before

    assert list(session.queue) == everything
    assert list(Waiting(session.queue, backwards=True)) == everything[::-1]


def test_a_pull_cannot_be_undone_once_its_entry_is_taken_away(file_db: DB) -> None:
    session = Session(file_db)
    put = [session.queue.put(samples.nothing) for _ in range(pull.PASSED_LIMIT + 5)]
    session.commit()
    session.queue.pull()
    session.commit()
    pulled = file_db.undoLog(0, 1)[0]["id"]
    for _ in range(pull.PASSED_LIMIT + 2):
        session.queue.pull()
        session.commit()
    assert own_lane(session.queue).next_in_inbox().partial is not put[0]  # type: ignore[union-attr]

    file_db.undo(pulled, session.transactions.get())
    with pytest.raises(UndoError):
        session.commit()
    session.close()
