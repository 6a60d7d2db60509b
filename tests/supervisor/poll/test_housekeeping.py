"""What an engine tidies up once a minute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support import scenes
from tests.support.scenes import Seconds
from tests.support.sessions import THREE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.queues.client_lane import FIRST
from zcasync.supervisor.poll.housekeeping import (
    BEHIND_SECONDS,
    IDLE_LANE_SECONDS,
    INTERVAL_SECONDS,
    Housekeeping,
)
from zcasync.workers.completed import BUCKET, PAGE_SIZE, RETENTION
from zcasync.workers.retention import Retention


class House:
    """An engine's housekeeping, and two clients with lanes of their own."""

    def __init__(self, connect: Connect, seconds: Seconds, keep: Retention | None = None) -> None:
        self.session, self.client, self.other = connect(), connect(), connect()
        self.worker = scenes.serve(self.session)
        self._seconds = seconds
        self._housekeeping = Housekeeping(seconds, keep)

    def keep_for_days(self, clock: FakeClock, days: float) -> None:
        """Keep house while the time of day goes on, too; a few times a day will do."""
        for _ in range(int(days * 10)):
            clock.advance(hours=2.4)
            self._seconds.advance(8640 - INTERVAL_SECONDS)
            self.keep(INTERVAL_SECONDS)

    def put_and_claim(self, client: Session) -> None:
        client.sync()
        scenes.put(client)
        self.session.sync()
        self.session.claim()
        self.session.commit()

    def keep(self, seconds: float) -> None:
        """Keep house for so long."""
        for _ in range(int(seconds / INTERVAL_SECONDS)):
            self._seconds.advance(INTERVAL_SECONDS)
            self.session.sync()
            self._housekeeping.do(self.session.manager, self.worker)
            self.session.commit()

    @property
    def lanes(self) -> set[bytes]:
        self.session.sync()
        return set(self.session.queue.lanes()) - {FIRST}


@pytest.fixture
def house(connect: Connect, seconds: Seconds) -> House:
    made = House(connect, seconds)
    made.put_and_claim(made.client)
    made.put_and_claim(made.other)
    assert len(made.lanes) == 2
    return made


def test_unused_lanes_are_dropped_after_a_while(house: House) -> None:
    house.keep(IDLE_LANE_SECONDS)
    assert len(house.lanes) == 2, "they were first seen after the first minute"

    house.keep(INTERVAL_SECONDS)
    assert house.lanes == set()


def test_a_lane_in_use_is_kept(house: House) -> None:
    for _ in range(3):
        house.keep(IDLE_LANE_SECONDS / 2)
        house.put_and_claim(house.client)

    assert len(house.lanes) == 1


def test_a_lane_whose_jobs_others_claim_is_kept(house: House, connect: Connect) -> None:
    another, before = connect(), house.lanes
    for _ in range(4):
        house.keep(IDLE_LANE_SECONDS / 2)
        house.client.sync()
        scenes.put(house.client)
        another.sync()
        another.claim()
        another.commit()

    assert len(house.lanes & before) == 1, "the client would have to start another one each time"


def test_a_lane_in_which_something_waits_is_kept(house: House) -> None:
    house.client.sync()
    (partial,) = scenes.put(house.client)
    house.keep(3 * IDLE_LANE_SECONDS)

    assert len(house.lanes) == 1
    assert house.session.claim() == [house.session.same(partial)]


def test_a_client_whose_lane_was_dropped_starts_a_new_one(house: House) -> None:
    house.keep(IDLE_LANE_SECONDS + INTERVAL_SECONDS)
    house.put_and_claim(house.client)

    assert len(house.lanes) == 1


def test_partials_that_completed_long_ago_are_dropped(
    house: House, seconds: Seconds, fake_clock: FakeClock
) -> None:
    house.session.sync()
    old, new = scenes.put(house.session, 2)
    scenes.claim(house.session, house.worker, [old, new])
    house.worker.completed.add(old)
    house.session.commit()
    house.keep_for_days(fake_clock, (RETENTION + BUCKET) / timedelta(days=1) - 0.1)
    house.worker.completed.add(new)
    house.session.commit()
    assert len(house.worker.completed) == 2

    house.keep_for_days(fake_clock, 0.2)
    assert list(house.worker.completed) == [new]


def test_partials_that_completed_at_workers_that_are_gone_are_dropped_too(
    house: House, fake_clock: FakeClock
) -> None:
    house.session.sync()
    gone = scenes.serve(house.session, TWO)
    other = scenes.serve(house.session, THREE)  # whose engine does it
    gone.engineUUID = None
    for worker in (gone, other):
        (partial,) = scenes.put(house.session)
        scenes.claim(house.session, worker, [partial])
        worker.completed.add(partial)
    house.session.commit()

    house.keep_for_days(fake_clock, (RETENTION + BUCKET) / timedelta(days=1) + 0.1)
    assert (len(gone.completed), len(other.completed)) == (0, 1)


def test_the_retention_of_completed_jobs_can_be_set(
    connect: Connect, seconds: Seconds, fake_clock: FakeClock
) -> None:
    house = House(connect, seconds, Retention(timedelta(days=2)))
    (partial,) = scenes.put(house.session)
    scenes.claim(house.session, house.worker, [partial])
    house.worker.completed.add(partial)
    house.session.commit()
    house.keep_for_days(fake_clock, 2.9)
    assert len(house.worker.completed) == 1
    house.keep_for_days(fake_clock, 0.2)
    assert len(house.worker.completed) == 0


def test_no_young_job_is_dropped_when_the_clock_is_set_forward(
    house: House, fake_clock: FakeClock
) -> None:
    house.session.sync()
    (partial,) = scenes.put(house.session)
    scenes.claim(house.session, house.worker, [partial])
    house.worker.completed.add(partial)
    house.session.commit()
    house.keep_for_days(fake_clock, 3)
    fake_clock.advance(days=400)
    house.keep_for_days(fake_clock, 4.8)
    assert len(house.worker.completed) == 1
    fake_clock.advance(days=-400)  # and right again
    house.keep(INTERVAL_SECONDS)
    assert len(house.worker.completed) == 1
    house.keep_for_days(fake_clock, 0.5)
    assert len(house.worker.completed) == 0, "its time has come nevertheless"


def test_what_is_too_much_for_one_pass_is_dropped_soon_after(
    connect: Connect, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zcasync.workers.kept_number.PAGES", 2)
    house = House(connect, seconds, Retention(most_completed=100))
    made = [Partial(abs, -1) for _ in range(10 * PAGE_SIZE)]
    house.worker.completed.extend(made)
    house.session.commit()
    counts = []
    house.keep(INTERVAL_SECONDS)
    for _ in range(6):
        counts.append(len(house.worker.completed))
        seconds.advance(BEHIND_SECONDS)
        house._housekeeping.do(house.session.manager, house.worker)
        house.session.commit()
    assert counts == [320 - 64, 320 - 128, 320 - 192, 128, 128, 128]
    assert list(house.worker.completed) == made[:-129:-1]


def test_housekeeping_waits_for_its_interval(
    house: House, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[float] = []
    kind = type(house.worker.completed)
    monkeypatch.setattr(kind, "prune", lambda self, *keep: pruned.append(seconds.now))
    house.keep(INTERVAL_SECONDS)  # the first time it does not wait so long
    pruned.clear()
    began = seconds.now
    for _ in range(13):
        house._housekeeping.do(house.session.manager, house.worker)
        seconds.advance(INTERVAL_SECONDS / 4)

    assert [moment - began for moment in pruned] == [60, 120, 180]


def test_a_lane_that_the_pass_itself_has_made_is_no_obstacle(house: House) -> None:
    """A pass that gives its first job back makes a lane, which has no record before the commit."""
    house.client.sync()
    scenes.put(house.client)
    house.session.sync()
    (partial,) = house.session.claim()
    house.session.activate_claimed(partial)
    house.session.commit()
    house._seconds.advance(INTERVAL_SECONDS)
    house.session.queue.release(partial)
    house._housekeeping.do(house.session.manager, house.worker)
    house.session.commit()

    assert len(house.session.queue) == 1


def test_a_lane_that_another_engine_drops_is_forgotten(house: House) -> None:
    house.keep(INTERVAL_SECONDS)
    house.session.queue.drop_idle_lanes(house.lanes)
    house.session.commit()
    house.keep(INTERVAL_SECONDS)
    known = {key for queue in house._housekeeping._unchanged.values() for key in queue}
    assert known == {FIRST}
