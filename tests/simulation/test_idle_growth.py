"""A worker without work hardly lets the database grow: a day of poll passes on a fake clock."""

from __future__ import annotations

import uuid

import pytest
from ZODB import DB

from tests.support.scenes import Seconds
from tests.support.sessions import ONE, TWO, FakeClock, Session
from zcasync import Partial
from zcasync.instance.settings import Settings
from zcasync.interfaces import COMPLETED
from zcasync.liveness.watch import Watch
from zcasync.perform.performer import Performer
from zcasync.supervisor.database_session import DatabaseSession
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, SlotReport

DAY = 24 * 3600.0
LIMIT_BYTES = 100_000
#: How long passes follow each other as they do; then only as often as something could be due.
AS_IT_IS_SECONDS = 1800.0
SELDOM_SECONDS = 60.0


class Days:
    """Engines of several workers, and the time that passes for them."""

    def __init__(self, db: DB, clock: FakeClock, workers: list[uuid.UUID]) -> None:
        self.db, self.clock = db, clock
        self.seconds = Seconds()
        self.engines = [self._begin(worker) for worker in workers]

    def _begin(self, worker: uuid.UUID) -> DatabaseSession:
        environment = Environment(seconds=self.seconds, sleep=self.seconds.sleep)
        watch = Watch(self.seconds)
        made = DatabaseSession(self.db, worker, uuid.uuid4(), Settings(), watch, environment)
        made.register()
        return made

    def pass_by(self, seconds: float) -> None:
        """Every engine makes its passes, with a child that could take a job."""
        end = self.seconds() + seconds
        seldom = self.seconds() + AS_IT_IS_SECONDS
        while self.seconds() < end:
            delays = [self._make_pass(engine) for engine in self.engines]
            step = min(delays) if self.seconds() < seldom else SELDOM_SECONDS
            self.seconds.advance(step)
            self.clock.advance(seconds=step)

    def _make_pass(self, engine: DatabaseSession) -> float:
        done = engine.make_pass(
            PassInput({0: SlotReport(ready=True, room=1)}, SlotReport(ready=True))
        )
        return done.schedule.delay

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


def work_a_little(days: Days, client: Session) -> None:
    """So that there is something to keep and to prune."""
    partials = client.queue.put_many([Partial(abs, -number) for number in range(50)])
    client.commit()
    while any(partial.state != COMPLETED for partial in partials):
        days.pass_by(1.0)
        client.sync()
        for partial in partials:
            if partial.state == "active":
                Performer().perform(partial)


@pytest.mark.parametrize("workers", [[ONE], [ONE, TWO]], ids=["alone", "two"])
def test_an_idle_worker_lets_the_database_grow_by_little(
    file_db: DB, fake_clock: FakeClock, workers: list[uuid.UUID]
) -> None:
    days = Days(file_db, fake_clock, workers)
    client = Session(file_db)
    work_a_little(days, client)
    client.close()
    days.pass_by(1200)  # until the lane that was used has been given up
    before = file_db.storage.getSize()

    days.pass_by(DAY)

    grown = file_db.storage.getSize() - before
    assert 0 < grown <= LIMIT_BYTES * len(workers)
    days.close()
