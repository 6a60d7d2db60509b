"""Priorities: who goes first, how waiting makes up for it, and what they cost the others."""

from __future__ import annotations

import random
from typing import Any

import pytest

import zcasync
from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.job.aside import Missing
from zcasync.queues.access import Access
from zcasync.queues.client_lane import FIRST, own_lane
from zcasync.queues.lane import Lane
from zcasync.queues.priority import STEP_MICROSECONDS, Precedence, rank

STEP_HOURS = STEP_MICROSECONDS / 3600e6


@zcasync.job(priority=-7)
def hurried() -> None:
    """Do nothing, soon."""


def put(session: Session, *priorities: int, **options: Any) -> list[Partial]:
    """Put a no-op with each of these priorities, and commit."""
    found = [session.queue.put(samples.nothing, priority=one, **options) for one in priorities]
    session.commit()
    return found


def priorities(partials: Any) -> list[int]:
    return [partial.priority for partial in partials]


def test_the_lower_number_goes_first_over_all_clients(
    connect: Connect, fake_clock: FakeClock
) -> None:
    clients, chance = [connect() for _ in range(3)], random.Random(7)
    expected = []
    for number in range(60):
        fake_clock.advance(seconds=1)
        client = clients[number % 3]
        client.sync()
        [partial] = put(client, chance.choice([-100, -2, 0, 0, 1, 100]))
        expected.append((partial.priority, number, partial._p_oid))
    engine = connect()

    assert [one._p_oid for one in engine.queue.iterDue()] == [oid for *_, oid in sorted(expected)]
    assert [one._p_oid for one in engine.queue] == [oid for *_, oid in sorted(expected)]
    found = [partial for _ in range(9) for partial in engine.claim(7)]

    assert [one._p_oid for one in found] == [oid for *_, oid in sorted(expected)]


def test_what_has_waited_for_as_long_as_a_step_counts_as_more_urgent(
    session: Session, fake_clock: FakeClock
) -> None:
    [low, old] = put(session, 3, 0)
    fake_clock.advance(hours=STEP_HOURS, seconds=1)
    [new] = put(session, -1)
    fake_clock.advance(hours=1.5 * STEP_HOURS)
    [late] = put(session, 0)
    [first] = put(session, -3)

    # Ranks, in steps from the first put: 3, 0, 1 - 1, 2.5, 2.5 - 3.
    expected = [first, old, new, late, low]
    assert list(session.queue.iterDue()) == expected
    assert session.claim() == expected


def test_nothing_starves(session: Session, fake_clock: FakeClock) -> None:
    [last] = put(session, 100)
    for hours in range(201 * int(STEP_HOURS)):
        put(session, -100)
        fake_clock.advance(hours=1)
        [taken] = session.claim(1)
        session.commit()
        if taken is last:
            assert hours >= 199 * STEP_HOURS
            return
    raise AssertionError("it was overtaken for ever")


def test_of_equals_what_has_waited_longer_goes_first(
    connect: Connect, fake_clock: FakeClock
) -> None:
    old = put(connect(), *range(20, 0, -1))
    for _ in range(20):
        fake_clock.advance(hours=STEP_HOURS)
        old += put(connect(), 0)
    engine, expected = connect(), []
    for rank_of in range(1, 21):  # of each two have the same rank, in lanes with random keys
        expected += [old[20 - rank_of]._p_oid, old[19 + rank_of]._p_oid]

    assert [one._p_oid for one in engine.queue] == expected
    assert [one._p_oid for one in engine.claim()] == expected


def test_pull_next_takes_what_a_claim_would(connect: Connect, fake_clock: FakeClock) -> None:
    client, other, chance = connect(), connect(), random.Random(11)
    for _ in range(40):
        fake_clock.advance(minutes=chance.randrange(90))
        [partial] = put(client, chance.choice([-2, 0, 3]))
        if chance.random() < 0.3:
            partial.selectedUUIDs.add(chance.choice([ONE, TWO]))
            client.commit()
    other.sync()
    order = [one._p_oid for one in other.claim(100)]
    other.abort()
    pulled = []
    while (one := client.queue.pullNext(ONE)) is not None:
        pulled.append(one._p_oid)

    assert len(order) > 20
    assert pulled == order


def test_what_is_for_later_comes_last_and_in_the_order_of_its_times(
    session: Session, fake_clock: FakeClock
) -> None:
    [soon] = put(session, 50, begin_after=fake_clock.later(minutes=5))
    [later] = put(session, -50, begin_after=fake_clock.later(minutes=9))
    [low, high] = put(session, 1, -1)

    assert list(session.queue) == [high, low, soon, later]
    assert session.queue.pull(2) is soon
    assert session.queue.pull() is high
    session.commit()
    assert session.claim() == [low]
    assert session.queue.next_due(ONE.bytes) == later.due
    [behind] = put(session, 0, begin_after=fake_clock.later(minutes=6))
    assert session.queue.pull(-1) is later
    session.abort()
    assert list(session.queue) == [behind, later]
    fake_clock.advance(minutes=10)
    assert session.claim() == [later, behind]
    assert len(session.queue) == 0


def test_a_call_with_no_priority_stores_nothing(session: Session) -> None:
    [plain, zero] = [session.queue.put(samples.nothing), *put(session, 0)]
    assert plain.priority == zero.priority == 0
    assert set(plain.__getstate__()) == set(zero.__getstate__())
    assert "_controls" not in zero.__getstate__()
    assert "priority" not in own_lane(session.queue).__getstate__()


def test_a_declaration_a_queue_and_a_put_give_it(session: Session) -> None:
    assert session.queue.put(hurried).priority == -7
    assert session.queue.put(hurried, priority=0).priority == 0
    session.queue.set_defaults(priority=4)
    assert session.queue.put(samples.nothing).priority == 4
    assert priorities(session.queue.put_many([samples.nothing, hurried])) == [4, -7]
    session.commit()
    assert priorities(session.claim()) == [-7, -7, 0, 4, 4]


@pytest.mark.parametrize(
    ("wrong", "kind", "text"),
    [
        ("1", TypeError, "whole number, not str"),
        (1.0, TypeError, "whole number, not float"),
        (True, TypeError, "whole number, not bool"),
        (101, ValueError, "from -100, the first, to 100, the last: 101"),
        (-101, ValueError, "-101"),
    ],
)
def test_what_is_no_priority_is_refused(
    session: Session, wrong: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"priority must be .*{text}"):
        session.queue.put(samples.nothing, priority=wrong)
    assert len(session.queue) == 0


def test_clients_with_priorities_do_not_meet(connect: Connect) -> None:
    clients = [connect() for _ in range(4)]
    for client in clients:
        put(client, -1, 0, 1)
    for client in clients:  # none sees what the others commit now
        client.sync()
    for client in clients:
        client.queue.put_many([samples.nothing] * 30, priority=-1)
        client.queue.put(samples.nothing, priority=1)
        client.commit()

    assert len(connect().queue) == 4 * (3 + 31)


def test_each_priority_has_a_lane_of_its_own_and_what_is_not_used_goes(connect: Connect) -> None:
    client, engine = connect(), connect()
    put(client, -5, 0, 5)
    engine.sync()
    lanes = {key: lane for key, lane in engine.queue.lanes().items() if lane.count()}
    assert sorted(lane.priority for lane in lanes.values()) == [-5, 0, 5]

    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    engine.commit()
    assert set(lanes) <= set(engine.queue.lanes()), "something waits there"
    engine.claim()
    engine.queue.drop_idle_lanes(list(engine.queue.lanes()))
    engine.commit()
    assert list(engine.queue.lanes()) == [FIRST]

    client.sync()
    again = put(client, 5, -5)
    engine.sync()
    assert [one._p_oid for one in engine.claim()] == [one._p_oid for one in again[::-1]]


def test_what_comes_back_keeps_its_place(session: Session, fake_clock: FakeClock) -> None:
    [low, urgent, plain] = put(session, 9, -9, 0)
    for partial in session.claim():
        session.activate_claimed(partial)
    session.commit()
    for partial in (low, plain, urgent):
        session.queue.release(partial)
    session.commit()
    assert list(session.queue.iterDue()) == [urgent, plain, low]

    assert session.claim() == [urgent, plain, low]
    for partial in (low, plain, urgent):
        session.activate_claimed(partial)
        session.queue.release(partial, 1)
    session.commit()
    fake_clock.advance(seconds=1)
    assert session.claim() == [urgent, plain, low]
    for partial in (urgent, low):
        session.activate_claimed(partial)
        session.queue.put_aside(partial, Missing("code", "it is not there"), 10**12)
    session.commit()
    aside = {lane.priority for lane in session.queue.lanes().values() if lane.filed}
    assert aside == {9, -9}


def test_what_is_run_again_keeps_its_priority_and_what_is_discarded_is_gone(
    session: Session,
) -> None:
    low, urgent, dropped = put(session, 9, -9, -5)
    session.queue.discard([dropped])
    for partial in session.claim():
        session.activate_claimed(partial).finish(None)
    session.commit()
    session.queue.put_again([low, urgent])
    session.commit()

    assert list(session.queue) == session.claim() == [urgent, low]
    assert len(session.queue) == 0


def test_what_is_pulled_and_put_anew_has_what_the_new_put_says(session: Session) -> None:
    [partial] = put(session, -9)
    session.queue.put(session.queue.pull())
    assert partial.priority == 0
    [lane] = [one for one in session.queue.lanes().values() if one.next_in_inbox() and one.priority]
    assert not session.queue.waits(partial, 0), "its old place says nothing any more"
    session.commit()
    assert session.claim() == [partial]
    assert lane.is_empty()
    session.abort()
    session.queue.put(session.queue.pull(), priority=3)
    session.commit()
    assert session.claim() == [partial]
    assert partial.priority == 3


def test_what_replaces_a_unique_job_brings_its_own_priority(session: Session) -> None:
    first = session.queue.put(samples.nothing, unique="one", priority=-9)
    session.commit()
    again = session.queue.put(samples.nothing, unique="one", if_exists="replace", priority=4)
    assert (again is first, first.priority) == (True, 4)
    session.queue.put(samples.nothing, unique="one", if_exists="replace")
    assert first.priority == 0
    session.commit()
    assert session.claim() == [first]
    session.commit()
    assert (session.claim(), len(session.queue)) == ([], 0)


def test_what_is_restricted_anew_keeps_its_place(session: Session) -> None:
    [low, urgent] = put(session, 9, -9)
    for partial in (low, urgent):
        partial.selectedUUIDs.add(ONE)
    session.commit()
    assert session.claim() == [urgent, low]


def test_a_queue_that_is_not_stored_yet_has_priorities(session: Session) -> None:
    queue = type(session.queue)(session.manager, "thread")
    low, urgent = [queue.put(samples.nothing, priority=one) for one in (2, -2)]
    assert list(queue) == [urgent, low]
    assert sorted(lane.priority for lane in queue.lanes().values() if lane.count()) == [-2, 2]


def test_only_what_is_more_urgent_is_claimed_beyond_the_room(
    session: Session, fake_clock: FakeClock
) -> None:
    [old] = put(session, -1)
    fake_clock.advance(hours=5 * STEP_HOURS)
    reserved = Precedence(0, rank(fake_clock.microseconds - 1, 0))
    [plain, late, urgent] = put(session, 0, 1, -1)
    fake_clock.advance(seconds=1)
    claimed = session.queue.claim(ONE.bytes, 10, before=reserved)
    assert claimed.partials == [old, urgent]
    assert session.queue.claim(ONE.bytes, 10, before=Precedence(0, old.due)).partials == []
    assert session.claim() == [plain, late]


def test_an_older_one_does_not_go_before_what_is_reserved(fake_clock: FakeClock) -> None:
    now = fake_clock.microseconds
    assert not Precedence(0, now - 5).goes_before(Precedence(0, now))
    assert Precedence(-1, rank(now, -1)).goes_before(Precedence(0, now))
    waits_for_long = Precedence(0, now - 2 * STEP_MICROSECONDS)
    assert not Precedence(-1, rank(now, -1)).goes_before(waits_for_long)


class TestLanesOfAnotherEngine:
    """What another engine has not come to for a while is left to it, unless it is urgent."""

    def politely(self, session: Session, foreign: set[int], limit: int) -> list[int]:
        def polite(key: bytes, lane: Lane) -> Access:
            return Access.IF_IDLE if lane.priority in foreign else Access.NOW

        claimed = session.queue.claim(ONE.bytes, limit, polite=polite)
        session.commit()
        return priorities(claimed.partials)

    def test_urgent_work_is_taken_before_what_is_there(self, session: Session) -> None:
        put(session, 0, 0, -3, 0)
        assert self.politely(session, {-3}, 2) == [-3, 0]

    def test_other_work_waits_until_nothing_else_is_left(self, session: Session) -> None:
        put(session, 5, 0, 0, 5)
        assert self.politely(session, {5}, 1) == [0]
        assert self.politely(session, {0}, 2) == [0, 5], "the other one's is more urgent"

    def test_work_of_one_priority_gives_no_reason_to_meddle(
        self, connect: Connect, fake_clock: FakeClock
    ) -> None:
        theirs, ours = connect(), connect()
        [old] = put(theirs, -1)
        fake_clock.advance(minutes=30)
        ours.sync()
        [new] = put(ours, -1)
        foreign = next(key for key, one in ours.queue.lanes().items() if ours.same(old) in [
            partial for _, partial in one.unread()
        ])  # fmt: skip
        claimed = ours.queue.claim(
            ONE.bytes, 1, polite=lambda key, lane: Access.IF_IDLE if key == foreign else Access.NOW
        )
        assert claimed.partials == [new]
