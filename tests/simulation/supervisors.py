"""Simulated supervisors: the real engine and keeper, in a process that can die and freeze."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.simulation.children import SimulatedPool
from tests.simulation.databases import Databases
from tests.simulation.identities import identity_of, sight
from tests.simulation.jobs import Crash, here
from zcasync.instance.settings import Settings
from zcasync.liveness.watch import PROMISE_FACTOR, Watch
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.engine_parts import EngineCallbacks, EngineParts
from zcasync.supervisor.keeper import EngineKeeper
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.reactor_jobs import ReactorJobs

if TYPE_CHECKING:
    from tests.simulation.world import World

#: A working engine promises to be silent for 12 s at most, so that its silence of 15 s is death.
SETTINGS = Settings(ping_interval=6.0, ping_death_interval=6.0)
PROMISE_SECONDS = 12.0
#: An engine that makes more passes while no time passes would make them for ever.
PASSES_AT_ONCE = 200
#: More than enough silence to be buried.
DEADLY_SECONDS = 2 * PROMISE_FACTOR * PROMISE_SECONDS


class Reactor(Clock):
    """Tells the time of one process."""

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        """Soon, in the reactor's thread."""
        self.callLater(0, call, *args)


class DatabaseWork:
    """Does the engine's database work at once, in the name of its process."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._began, self._times = 0.0, 0

    def _count(self, now: float) -> None:
        """An engine that turns in circles is a fault, and has to be stopped."""
        self._times = self._times + 1 if now == self._began else 1
        self._began = now
        if self._times > PASSES_AT_ONCE:
            self._supervisor.world.faults.append(f"{self._supervisor} makes passes without end")
            self._supervisor.die()

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call it; what would be heard by a process that has died is never heard."""
        supervisor = self._supervisor
        began = supervisor.world.seconds
        self._count(began)
        try:
            with supervisor.world.acting(supervisor):
                result = function(*args)
        except Crash:
            supervisor.die()
        except Exception as error:
            if supervisor.is_alive:
                supervisor.world.failed(str(supervisor), error)
                return fail(Failure())
        else:
            if supervisor.is_alive:
                supervisor.note_written(began)
                supervisor.world.count("passes")
                return succeed(result)
        return Deferred()

    def close(self) -> None:
        """Nothing to close."""


class ReactorThreads:
    """The threads of reactor jobs: each goes on when it is told to, whatever else happens."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.waiting: list[Callable[[], None]] = []

    def start(self, work: Callable[..., None], oid: bytes, do: Any) -> None:
        """Begin a thread, which waits."""
        self.waiting.append(lambda: work(oid, do))

    def from_thread(self, reactor: Any, call: Callable[..., Any], *args: Any) -> Any:
        """Call in the reactor's thread; a Deferred is waited for."""
        value = call(*args)
        return here.wait(value) if isinstance(value, Deferred) else value

    def go_on(self, number: int) -> None:
        """Let one of them run to its end, or the process die of it."""
        supervisor = self._supervisor
        if not self.waiting or not supervisor.is_running:
            return
        work = self.waiting.pop(number % len(self.waiting))
        try:
            with supervisor.world.acting(supervisor):
                work()
        except Crash:
            supervisor.die()
        supervisor.world.count("jobs")


class Supervisor:
    """One run of a supervisor's process, for one worker, on one machine.

    ``offset``: how far the machine's clock is wrong, microseconds.
    """

    def __init__(self, world: World, worker: uuid.UUID, machine: str, offset: int) -> None:
        self.world = world
        self.worker, self.machine, self.offset = worker, machine, offset
        self.pid = world.new_number()
        self.transactions: Any = None  # the engine's connection has its own
        self.databases = Databases(world.servers)
        self.threads = ReactorThreads(self)
        self.is_released = False  # somebody has buried its engine although it lives
        self.is_alive, self.is_frozen, self.is_doomed = True, False, False
        self.behind = 0.0  # seconds that its reactor has not seen yet
        self.last_wrote = world.seconds
        self.was_late = float("-inf")  # when it wrote last after more silence than it had promised
        self.reactor = Reactor()
        self.reactor.rightNow = 1000.0 * self.pid
        self._mail: list[Callable[[], None]] = []
        self._parts = EngineParts(
            self._make_pool,
            self._make_reactor_jobs,
            DatabaseWork(self),
            Watch(self.seconds),
            Environment(
                seconds=self.seconds,
                sleep=lambda seconds: world.turns.pause(),
                chance=random.Random(self.pid),
                identity=lambda: identity_of(machine, self.pid),
                moment_of=world.moment_of,
                housekeeping=world.idle_lane / 2,
                idle_lane=world.idle_lane,
            ),
        )
        self.keeper = EngineKeeper(self.reactor, self._make_engine)
        sight.alive.add(self.pid)
        with world.acting(self):
            self.keeper.start().addErrback(self._refused)

    def __str__(self) -> str:
        return f"supervisor {self.pid} of worker {self.worker.int}"

    def note_written(self, began: float) -> None:
        """Note the end of a pass; what it has written may be from its beginning."""
        now = self.world.seconds
        if now - self.last_wrote > PROMISE_SECONDS:
            self.was_late = now
        self.last_wrote = began

    def seconds(self) -> float:
        """The machine's monotonic clock, which goes on while the reactor is in a call."""
        return float(self.reactor.seconds()) + self.behind

    @property
    def engine(self) -> Engine | None:
        """The engine that runs now."""
        engine = self.keeper.engine
        if not self.is_alive or engine is None or not engine.executors.is_started:
            return None
        return engine

    def _make_engine(self, lost: Callable[[BaseException], None]) -> Engine:
        def report(error: BaseException) -> None:
            now = self.world.seconds
            silent, was_late = now - self.last_wrote, now - self.was_late <= PROMISE_SECONDS
            self.is_released |= "released by an operator" in str(error)
            if silent <= PROMISE_SECONDS and not was_late and not self.is_released:
                self.world.faults.append(f"{self} wrote {silent} s ago and is buried: {error}")
            self.is_released = False
            self.world.count("buried alive")
            lost(error)

        return Engine(
            self.databases.db,
            self.worker,
            reactor=self.reactor,
            settings=SETTINGS,
            parts=self._parts,
            callbacks=EngineCallbacks(lost=report),
        )

    def _make_pool(
        self, engine: uuid.UUID, incarnation: bytes, changed: Any, died: Any
    ) -> SimulatedPool:
        return SimulatedPool(self, incarnation, changed, died)

    def _make_reactor_jobs(self, *args: Any) -> ReactorJobs:
        return ReactorJobs(
            *args,
            threads=self.threads.start,
            from_thread=self.threads.from_thread,
            timing=self.world.timing,
        )

    def _refused(self, failure: Failure) -> None:
        """It could not start: the process says why and ends."""
        self.world.note(f"{self} ends: {failure.getErrorMessage()}")
        self.die()

    # what happens to it

    def post(self, call: Callable[..., Any], *args: Any) -> None:
        """What a child says; heard when the process next listens."""
        if self.is_alive:
            self._mail.append(lambda: call(*args))

    def listen(self) -> None:
        """Hear what the children have said."""
        with self.world.acting(self):
            while self._mail and self.is_running:
                self._mail.pop(0)()

    @property
    def is_running(self) -> bool:
        """Whether the process can do anything now."""
        return self.is_alive and not self.is_frozen

    def tick(self, seconds: float = 0.0, listen: bool = True) -> None:
        """Let time pass for the process; due passes are made."""
        self.behind += seconds
        if not self.is_running or self.world.is_acting(self):
            return
        if listen:
            self.listen()
        if self.is_running:
            with self.world.acting(self):
                behind, self.behind = self.behind, 0.0
                self.reactor.advance(behind)

    def pass_now(self, listen: bool = True) -> None:
        """Make a pass now."""
        if self.engine is not None and self.is_running:
            self.engine.wake()
            self.tick(0.0, listen)

    def die(self) -> None:
        """SIGKILL."""
        if not self.is_alive:
            return
        self.world.count("deaths of supervisors")
        self.is_alive = False
        self._mail.clear()
        sight.alive.discard(self.pid)
        sight.frozen.discard(self.pid)
        self.is_doomed = self.world.is_acting(self)
        self.databases.close()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.is_frozen = True
        sight.frozen.add(self.pid)

    def thaw(self) -> None:
        """SIGCONT."""
        self.is_frozen = False
        sight.frozen.discard(self.pid)

    def stop(self) -> None:
        """A clean stop (SIGTERM); the process ends when the keeper has stopped."""
        with self.world.acting(self):
            self.keeper.stop().addBoth(lambda result: self.die())
