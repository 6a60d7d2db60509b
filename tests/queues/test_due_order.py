"""What is due at once, by any clock, is found before what is for later, at any depth."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.jobs import samples
from tests.queues.test_depth import LONG, LOOKS, SHORT, loads
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.queues import page_index

HOUR = 3_600_000_000


def put_ahead(session: Session, fake_clock: FakeClock, count: int) -> None:
    """Jobs that are due at once, put by a clock that is an hour ahead."""
    with clock.following(lambda: fake_clock.microseconds + HOUR):
        for _ in range(count):
            fake_clock.advance(microseconds=1)
            session.queue.put(samples.nothing)
        session.commit()


def put_ahead_behind_held(session: Session, fake_clock: FakeClock, count: int) -> None:
    """Ten of them behind many that are for before the time that this clock shows."""
    session.queue.put_many([samples.nothing] * (count - 10), fake_clock.later(minutes=30))
    session.commit()
    put_ahead(session, fake_clock, 10)


Fill = Callable[[Session, FakeClock, int], None]


@pytest.mark.parametrize("fill", [put_ahead, put_ahead_behind_held], ids=lambda one: one.__name__)
def test_a_look_loads_no_more_though_the_client_s_clock_is_ahead(
    session: Session, fake_clock: FakeClock, fill: Fill
) -> None:
    found: dict[int, dict[str, int]] = {}
    for count in (SHORT, LONG):
        fill(session, fake_clock, count - len(session.queue))
        found[count] = {name: loads(session, look) for name, look in LOOKS.items()}

    dearer = {name: (found[SHORT][name], found[LONG][name]) for name in LOOKS}
    assert {name: both for name, both in dearer.items() if both[1] > both[0] + 8} == {}
    assert max(found[LONG].values()) < 60


def test_a_pull_takes_what_is_due_at_once_and_not_what_is_for_sooner_than_its_clock(
    session: Session, fake_clock: FakeClock
) -> None:
    later = session.queue.put(samples.nothing, delay=60)
    put_ahead(session, fake_clock, 1)
    [_, at_once] = session.queue

    assert list(session.queue.iterDue()) == [at_once]
    assert session.queue.pullNext(ONE) is at_once
    assert session.queue.pullNext(ONE) is None
    assert list(session.queue) == [later]


def test_a_pull_gives_those_that_it_files_times_by_its_own_clock(
    session: Session, fake_clock: FakeClock
) -> None:
    others = []
    with clock.following(lambda: fake_clock.microseconds + HOUR):
        for _ in range(200):
            item = Partial(samples.nothing)
            item.selectedUUIDs.add(TWO)
            others.append(session.queue.put(item, begin_by=timedelta(minutes=10)))
        session.queue.put(samples.nothing)
        session.commit()

    assert session.queue.pullNext(ONE) is not None
    assert {one.begin_after for one in others} == {fake_clock.moment}
    assert (len(session.queue), session.queue.count_held()) == (200, 0)
    fake_clock.advance(minutes=11)
    assert len(session.claim(1000)) == 200  # to be ended


@pytest.mark.parametrize("seed", range(12))
def test_the_due_ones_are_those_that_a_worker_would_take(
    connect: Connect, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(page_index, "FAN", 3)
    monkeypatch.setattr(page_index, "RUN_ENTRIES", 25)
    rolls = random.Random(seed)
    clients, claimer = [connect(), connect(), connect()], connect()
    for _ in range(20):
        number = rolls.randrange(3)
        clients[number].sync()
        with clock.following(lambda hours=number - 1: fake_clock.microseconds + hours * HOUR):  # type: ignore[misc]
            for _ in range(rolls.randrange(40)):
                delay = rolls.choice([None, None, 1, 3000, 7000])
                clients[number].queue.put(samples.nothing, delay=delay)
            clients[number].commit()
        claimer.sync()
        for partial in claimer.claim(rolls.randrange(12)):
            claimer.activate_claimed(partial)
        claimer.commit()
        fake_clock.advance(seconds=rolls.randrange(200))
    claimer.sync()

    now = fake_clock.microseconds
    every = list(claimer.queue)
    due = list(claimer.queue.iterDue())
    assert [one.due for one in every] == sorted(one.due for one in every)
    assert set(due) == {one for one in every if one.is_due(now)}
    moments = [(min(one.due, now), one.due) for one in due]
    assert moments == sorted(moments)
    for one in due[:20]:
        assert claimer.queue.pullNext(ONE) is one
