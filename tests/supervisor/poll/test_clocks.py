"""Clocks compared: the database's in own commits, the clients' by what they have written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples
from tests.supervisor.poll.scene import Scene, ready
from tests.support.sessions import FakeClock
from zcasync import clock
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll import clocks
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import Passes

MINUTE = 60_000_000
HOUR = 60 * MINUTE


class Machines:
    """A scene in which the clocks of database, client and engine are set one by one.

    They differ from the right time by so many microseconds.
    """

    def __init__(self, scene: Scene, right: FakeClock) -> None:
        self.scene, self.right = scene, right
        self.client = self.engine = self.database = 0
        self._times: dict[bytes, int] = {}
        environment = Environment(
            seconds=lambda: right() / 1e6, sleep=scene.seconds.sleep, moment_of=self.moment_of
        )
        with self.at(self.engine):
            self.passes = Passes(scene.records, Watch(scene.seconds), environment)

    def at(self, ahead: int) -> Any:
        """Within: this process has a clock that is ahead by so much."""
        return clock.following(lambda: self.right() + ahead)

    def moment_of(self, tid: bytes) -> int:
        """When a transaction was made, for whoever asks the first time at once."""
        return self._times.setdefault(tid, self.right() + self.database)

    def put(self, **options: Any) -> Any:
        """The client puts a job and commits; the job as the engine sees it."""
        self.scene.client.sync()
        with self.at(self.client):
            partial = self.scene.client.queue.put(samples.nothing, **options)
            self.scene.client.commit()
        for lane in self.scene.client.queue.lanes().values():
            self.moment_of(lane.inbox._p_serial)
        self.scene.session.sync()
        return self.scene.session.connection.get(partial._p_oid)

    def run(self, room: int = 0) -> PassResult:
        """A pass that claims so many jobs, a moment after the last one."""
        self.right.advance(seconds=clocks.LOOK_SECONDS)
        with self.at(self.engine):
            return self.passes.run(PassInput(slots={0: ready(room)}))


@pytest.fixture
def machines(fake_clock: FakeClock, scene: Scene) -> Machines:
    return Machines(scene, fake_clock)


def test_clocks_that_agree_are_no_news(machines: Machines) -> None:
    machines.put()
    result = machines.run(1)
    assert result.log == []
    assert result.clocks is not None
    assert result.clocks == {"database_seconds": 0.0, "clients": [], "warnings": []}
    assert machines.run().log == []


@pytest.mark.parametrize(
    ("ahead", "words"), [(HOUR * 2, "2 h ahead of"), (-HOUR * 2, "2 h behind"), (3_000_000, "3 s")]
)
def test_a_client_s_clock_that_differs_is_told_once(
    machines: Machines, ahead: int, words: str
) -> None:
    machines.client = ahead
    partial = machines.put()
    [line] = [*machines.run().log, *machines.run().log]
    assert f"put job {partial.id} is {words}" in line
    result = machines.run()
    assert result.clocks is not None
    assert result.clocks["warnings"] == [line]
    [client] = result.clocks["clients"]
    assert client["seconds"] == pytest.approx(ahead / 1e6, abs=2)


def test_a_client_that_was_slow_to_commit_once_is_not_told_of(machines: Machines) -> None:
    machines.client = -5_000_000
    machines.put()
    assert machines.run(1).log == []
    for _ in range(20):
        machines.put()
    [line] = [*machines.run(10).log, *machines.run(10).log]
    assert "5 s behind" in line


@pytest.mark.parametrize("ahead", [2 * HOUR, -2 * HOUR])
def test_the_database_s_clock_that_differs_is_told_once(machines: Machines, ahead: int) -> None:
    machines.database = ahead
    machines.put()
    lines = machines.run(1).log
    lines += machines.run().log + machines.run().log
    [line] = lines
    assert line.startswith("the clock of the database's server is 2 h ")


@pytest.mark.parametrize("client", [0, HOUR, -HOUR])
@pytest.mark.parametrize("engine", [0, HOUR, -HOUR])
@pytest.mark.parametrize("database", [0, HOUR, -HOUR])
@pytest.mark.parametrize("waits", [1, 4, 20])
def test_times_that_count_from_the_put_count_in_the_engine_s_time(
    machines: Machines, client: int, engine: int, database: int, waits: int
) -> None:
    machines.client, machines.engine, machines.database = client, engine, database
    machines.run()
    machines.put()  # an engine compares clocks in its commits
    machines.run(1)
    put_at = machines.right()
    partial = machines.put(delay=10, begin_by=timedelta(minutes=10))
    machines.right.advance(minutes=waits)
    machines.run(2)
    with machines.at(machines.engine):
        assert partial.is_too_late == (waits > 10)
        right = put_at + engine + 10_000_000
        assert abs(clock.from_datetime(partial.begin_after, "") - right) <= 2_000_000


@pytest.mark.parametrize("who", ["engine", "database", "client", "engine database client"])
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_no_job_misses_its_begin_by_because_somebody_sets_a_clock(
    machines: Machines, who: str, ahead: int
) -> None:
    machines.run()
    partial = machines.put(begin_by=timedelta(minutes=10))
    machines.right.advance(minutes=1)
    for name in who.split():
        setattr(machines, name, ahead)
    machines.run()  # it does not come to it yet
    machines.run()
    assert machines.run(1).claimed == 1
    with machines.at(machines.engine):
        assert not partial.is_too_late
