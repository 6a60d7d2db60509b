"""The simulated world: one storage, its clients, and supervisors on machines with wrong clocks."""

from __future__ import annotations

import contextlib
import itertools
import random
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.model.sessions import Session
from tests.simulation.children import SimulatedChild
from tests.simulation.identities import sight
from tests.simulation.jobs import Crash
from tests.simulation.storage import new_database
from tests.simulation.supervisors import Supervisor
from zcasync import clock
from zcasync.errors import FencedError
from zcasync.settling import is_done
from zcasync.supervisor.startup import AlreadyServed

HOUR = 3_600_000_000  # microseconds
#: The workers: name, machine, how wrong its clock is.
PLACES = (
    (uuid.UUID(int=1), "near", 0),
    (uuid.UUID(int=2), "near", 0),
    (uuid.UUID(int=3), "far", HOUR),
)
#: Live engines look at their records at least this often, seconds.
STEP_SECONDS = 5.0
#: Errors that simulated trouble leads to.
EXPECTED = (ConflictError, ClientDisconnected, FencedError, AlreadyServed)


@dataclass
class Twist:
    """What happens to the acting process at its commit number ``nth``, or between two of them.

    ``place``: before it, in it (so that its outcome is in doubt) or after it.
    """

    nth: int
    place: str
    do: Callable[[Any], None]


class Client:
    """An application process."""

    def __init__(self, world: World, offset: int) -> None:
        self.world = world
        self.offset = offset
        self.machine = "application"
        self.is_doomed = False
        self.session = Session(world.db)
        self.transactions = self.session.transactions


class World:
    """Everything there is, and whose turn it is."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.microseconds = 1_155_222_000_000_000
        self.storage_offset = 0.0
        self.storage, self.db = new_database()
        self.storage.before = lambda: self._at("before")
        self.storage.finishing = lambda: self._at("lost")
        self.storage.finished = lambda: self._at("after")
        self.storage.seconds = lambda: 1e9 + self.seconds + self.storage_offset
        self._pids = itertools.count(1)
        self._actors: list[Any] = []
        self.twist: tuple[Any, Twist] | None = None
        self.notes: list[str] = []
        self.faults: list[str] = []
        self.deaths = 0  # in which a job each may count as interrupted
        sight.alive.clear()
        sight.frozen.clear()
        clock.set_source(self._wall)
        # Engines and lanes are named by chance, and much depends on the order of their names.
        self._names = random.Random(1)
        self._uuid4, uuid.uuid4 = uuid.uuid4, self._new_name
        self.children: list[SimulatedChild] = []
        self.supervisors: dict[uuid.UUID, Supervisor] = {}
        self.clients = [Client(self, offset) for offset in (0, -HOUR, 0)]
        self.reader = Session(self.db)

    def new_pid(self) -> int:
        """The pid of one more process."""
        return next(self._pids)

    def close(self) -> None:
        """Give the real world its clock and its chance back."""
        clock.set_source(None)
        uuid.uuid4 = self._uuid4
        for supervisor in self.alive():
            supervisor.die()

    def _new_name(self) -> uuid.UUID:
        return uuid.UUID(int=self._names.getrandbits(128))

    def note(self, what: str) -> None:
        """Remember it for a failure's report."""
        self.notes.append(f"{self.seconds:8.2f} {what}")

    def failed(self, who: str, error: Exception) -> None:
        """A process met this error; only what belongs to the simulated trouble is expected."""
        self.note(f"{who}: {type(error).__name__}: {error}")
        if not isinstance(error, EXPECTED):
            self.faults.append("".join(traceback.format_exception(error)))

    def _wall(self) -> int:
        return self.microseconds + (self._actors[-1].offset if self._actors else 0)

    # whose turn it is

    @contextlib.contextmanager
    def acting(self, actor: Any) -> Iterator[None]:
        """Its clock, its view of the processes, its thread's transactions."""
        threads = transaction.manager
        before, machine = threads.manager, sight.machine
        self._actors.append(actor)
        sight.machine = actor.machine
        if actor.transactions is not None:
            threads.manager = actor.transactions
        try:
            yield
        finally:
            self._actors.pop()
            threads.manager, sight.machine = before, machine

    def is_acting(self, actor: Any) -> bool:
        """Whether it is in the middle of something."""
        return actor in self._actors

    def _at(self, place: str) -> None:
        """The acting process has come to a commit: do to it what is planned."""
        if not self._actors:
            return
        actor = self._actors[-1]
        if actor.is_doomed:
            raise Crash
        if self.twist is None or self.twist[0] is not actor:
            return
        twist = self.twist[1]
        if twist.place == place:
            if twist.nth == 0:
                self.twist = None
                twist.do(actor)
                if actor.is_doomed:
                    raise Crash
            twist.nth -= 1

    @contextlib.contextmanager
    def twisted(self, actor: Any, twist: Twist | None) -> Iterator[None]:
        """Let it happen to the actor meanwhile, if it comes that far."""
        before = self.twist
        if twist is not None:
            self.twist = (actor, twist)
        try:
            yield
        finally:
            self.twist = before

    def client(self, number: int) -> Client:
        """A client that is not in the middle of something, up to date."""
        free = [client for client in self.clients if not self.is_acting(client)]
        client = free[number % len(free)]
        client.session.sync()
        return client

    # supervisors

    def start(self, number: int) -> None:
        """Start a supervisor for a worker, where none runs."""
        worker, machine, offset = PLACES[number]
        running = self.supervisors.get(worker)
        if running is None or not running.is_alive:
            self.supervisors[worker] = Supervisor(self, worker, machine, offset)

    def supervisor(self, number: int) -> Supervisor | None:
        """The process that lives for a worker."""
        found = self.supervisors.get(PLACES[number][0])
        return found if found is not None and found.is_alive else None

    def alive(self) -> list[Supervisor]:
        """The processes that live."""
        return [one for one in self.supervisors.values() if one.is_alive]

    def lists_at_work(self, worker: uuid.UUID) -> int:
        """How many of a worker's claim lists have something unfinished: one job each is at work."""
        self.reader.sync()
        found = self.reader.manager.workers.get(worker)
        lists = () if found is None else found.thread._lists
        return sum(not all(map(is_done, one.items)) for one in lists)

    def advance(self, seconds: float) -> None:
        """Let time pass everywhere.  Children whose supervisor is gone leave within a second."""
        while seconds > 0:
            step = min(STEP_SECONDS, seconds)
            seconds -= step
            self.seconds += step
            self.microseconds += int(step * 1_000_000)
            for one in self.alive():
                one.tick(step)
            for child in list(self.children):
                if not child.supervisor.is_alive and not self.is_acting(child):
                    child.leave()

    def workers_at_rest(self) -> list[SimulatedChild]:
        """The children that could go on with a job."""
        return [one for one in self.children if one.can_work and not self.is_acting(one)]


def crash(actor: Any) -> None:
    """The process dies here."""
    raise Crash


def doubt(actor: Any) -> None:
    """The connection to the storage is lost here."""
    raise ClientDisconnected("the storage went away in a commit")
