"""Engines and a client whose clocks, and that of the database, tests set one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.jobs import samples
from tests.support import scenes
from tests.support.scenes import Seconds
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassInput, PassResult
from zcasync.supervisor.poll.poll_pass import Passes
from zcasync.supervisor.poll.records import EngineRecords

HOUR = 3_600_000_000


class Engine:
    """An engine whose clock differs from the right time by ``ahead`` microseconds."""

    def __init__(self, world: World, session: Session, name: Any, ahead: int = 0) -> None:
        self.world, self.session, self.ahead = world, session, ahead
        with self.at():
            worker = scenes.serve(session, name)
        scenes.fenced(session, worker)
        self.records = EngineRecords(
            session.connection, session.manager, worker, worker.incarnation
        )
        self.begin()

    def begin(self) -> None:
        """The passes of an engine that has made none yet."""
        self.session.sync()
        self.world.moment_of(self.records.incarnation._p_serial)
        environment = Environment(
            seconds=self.seconds, sleep=Seconds().sleep, moment_of=self.world.moment_of
        )
        with self.at():
            self.passes = Passes(self.records, Watch(self.seconds), environment)

    def seconds(self) -> float:
        """A clock that nobody sets."""
        return (self.world.right() - self.world.set_by) / 1e6

    def at(self) -> Any:
        return clock.following(lambda: self.world.right() + self.ahead)

    def pass_(self) -> PassResult:
        with self.at():
            return self.passes.run(PassInput())


class World:
    """Engines, a client, and the clock of the database, which all go by the right time."""

    def __init__(self, connect: Connect, right: FakeClock) -> None:
        self.right, self.database, self.set_by = right, 0, 0
        self._times: dict[bytes, int] = {}
        self.client = connect()
        self.one = Engine(self, connect(), ONE)
        self._connect = connect

    def another(self, ahead: int = 0) -> Engine:
        return Engine(self, self._connect(), TWO, ahead)

    def moment_of(self, tid: bytes) -> int:
        return self._times.setdefault(tid, self.right() + self.database)

    def add(self, name: str = "nightly", call: Any = samples.nothing, **options: Any) -> None:
        """A client adds a schedule, and an engine sees it."""
        self.client.sync()
        self.schedules.add(name, call, **options)
        self.commit()
        self.one.pass_()

    @property
    def schedules(self) -> Any:
        """As a client sees them in a new transaction."""
        self.client.sync()
        return self.client.manager.schedules

    @property
    def changing(self) -> Any:
        """As a client sees them in its transaction."""
        return self.client.manager.schedules

    def commit(self) -> None:
        """The client commits, now by the clock of the database."""
        self.client.commit()
        self.client.sync()
        agenda = self.client.manager.agenda
        assert agenda is not None
        for one in agenda.schedules():
            one._p_activate()
            self.moment_of(one._p_serial)

    def go(self, text: str) -> None:
        """Let it be this time."""
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        self.right.microseconds = clock.from_datetime(moment, "")

    def set(self, text: str) -> None:
        """Somebody sets all clocks."""
        before = self.right()
        self.go(text)
        self.set_by += self.right() - before

    def jobs(self, queue: str = "thread") -> list[Partial]:
        self.client.sync()
        return list(self.client.manager.queue(queue))

    def ticks(self) -> list[str]:
        """The ticks of all jobs that wait, in order."""
        return sorted(f"{one.tick:%m-%d %H:%M:%S}" for one in self.jobs())
