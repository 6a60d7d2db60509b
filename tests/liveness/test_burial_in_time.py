"""How soon an engine of another machine is buried that held claims when it died, by default."""

from __future__ import annotations

import random

import pytest

from tests.support import scenes
from tests.support.scenes import ELSEWHERE, Seconds
from tests.support.sessions import TWO, Connect, Session
from zcasync.interfaces import PENDING
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.workers.worker import Worker

BURIED_WITHIN_SECONDS = 60.0
#: So much later than it was to be a pass of a machine that is not quiet may be.
LATE_SECONDS = 0.3
PHASES = 30


class Engines:
    """Two engines with the intervals of a new worker, each polling when its own pass says."""

    def __init__(self, connect: Connect, rng: random.Random) -> None:
        self.seconds = Seconds()
        self._rng = rng
        self.sessions = [connect(), connect()]
        self.workers = [
            scenes.serve(self.sessions[0]),
            scenes.serve(self.sessions[1], TWO, ELSEWHERE),
        ]
        self.passes = [
            self._passes(session, worker)
            for session, worker in zip(self.sessions, self.workers, strict=True)
        ]
        self._next = [
            self.seconds.now + rng.uniform(0, worker.poll_seconds) for worker in self.workers
        ]

    def _passes(self, session: Session, worker: Worker) -> Passes:
        environment = Environment(self.seconds, self.seconds.sleep)
        records = EngineRecords(session.connection, session.manager, worker, worker.incarnation)
        return Passes(records, Watch(self.seconds), environment)

    def step(self, who: int) -> None:
        """Let time pass until the next pass of this engine, and make it."""
        self.seconds.now = max(self.seconds.now, self._next[who])
        done = self.passes[who].run(PassInput())
        self._next[who] = (
            self.seconds.now + done.schedule.delay + self._rng.uniform(0, LATE_SECONDS)
        )

    def run_both(self, seconds: float) -> None:
        """Both poll for so long, and then until the second one has just pinged: the worst moment to
        die."""
        until = self.seconds.now + seconds
        serial = before = self._serial()
        while serial == before or self.seconds.now < until:
            before = self._serial()
            self.step(self._next.index(min(self._next)))
            serial = self._serial()

    def _serial(self) -> bytes:
        """Of the second one's ping."""
        ping = self.workers[1].ping
        ping._p_activate()
        return ping._p_serial  # type: ignore[no-any-return]


@pytest.mark.parametrize("phase", range(PHASES))
def test_an_engine_elsewhere_that_held_claims_is_buried_within_a_minute_by_default(
    connect: Connect, phase: int
) -> None:
    rng = random.Random(phase)
    engines = Engines(connect, rng)
    client = connect()
    (partial,) = scenes.put(client)
    engines.sessions[1].sync()
    scenes.claim(engines.sessions[1], engines.workers[1], [engines.sessions[1].same(partial)])
    engines.run_both(rng.uniform(100, 130))
    client.sync()
    assert client.manager.workers[TWO].engineUUID is not None
    died = engines.seconds.now
    while client.manager.workers[TWO].engineUUID is not None:
        engines.step(0)
        client.sync()
        assert engines.seconds.now - died < BURIED_WITHIN_SECONDS
    print(f"buried after {engines.seconds.now - died:.1f} s")
    assert partial.state == PENDING
