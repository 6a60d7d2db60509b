"""The simulated world: one storage, its clients, and supervisors on machines with wrong clocks."""

from __future__ import annotations

import contextlib
import itertools
import random
import traceback
import uuid
from collections import Counter as Counts
from collections.abc import Iterator, Sequence
from typing import Any

import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError, POSKeyError
from ZODB.utils import u64

from tests.simulation.burials import suspects, watched
from tests.simulation.children import SimulatedChild
from tests.simulation.clients import Client
from tests.simulation.databases import new_servers
from tests.simulation.identities import sight
from tests.simulation.jobs import Crash, here
from tests.simulation.server import TICKS
from tests.simulation.supervisors import Supervisor
from tests.simulation.turns import Turns
from tests.simulation.twists import Twist
from zcasync import clock
from zcasync.errors import FencedError
from zcasync.instance.lock import AlreadyServed
from zcasync.retry.attempts import Timing

HOUR = 3_600_000_000  # microseconds
#: When worlds begin, microseconds.
BEGIN = 1_155_222_000_000_000
#: The workers: name, machine, how wrong its clock is.
PLACES = (
    (uuid.UUID(int=1), "near", 0),
    (uuid.UUID(int=2), "near", 0),
    (uuid.UUID(int=3), "far", HOUR),
)
#: Lanes are given up after seconds, not minutes.
IDLE_LANE_SECONDS = 0.25
#: Live engines look at their records at least this often, seconds.
STEP_SECONDS = 5.0
#: A place where a process reads, see ``Server.at``; they matter where several go on together.
READ = "read"
#: Errors that simulated trouble leads to.
EXPECTED = (ConflictError, ClientDisconnected, FencedError, AlreadyServed)
EXPECTED_NAMES = ("ConflictError", "ReadConflictError", "ClientDisconnected", "FencedError")


class World:
    """Everything there is, and whose turn it is.

    ``apart``: the data manager has a database of its own.  ``idle_lane``: engines give up empty
    lanes after so long, seconds.  ``places``: the workers that there can be.
    """

    def __init__(
        self,
        apart: bool = False,
        idle_lane: float = IDLE_LANE_SECONDS,
        places: Sequence[tuple[uuid.UUID, str, int]] = PLACES,
    ) -> None:
        self.seconds = 0.0
        self.microseconds = BEGIN
        self.storage_offset, self.was_clock_set = 0.0, False
        self.apart, self.idle_lane, self.places = apart, idle_lane, places
        self.tally: Counts[str] = Counts()
        self.turns = Turns()
        self.notes: list[str] = []
        self.by_applications: set[bytes] = set()  # see ``meddling.undo``
        self.faults: list[str] = []
        self.interruptions: Counts[bytes] = Counts()  # of each job: so many at most
        self.timing = Timing(
            lambda: self.seconds, lambda seconds: self.turns.pause(), lambda low, high: low
        )
        self.children: list[SimulatedChild] = []
        self.supervisors: dict[uuid.UUID, Supervisor] = {}
        self._busy: Counts[Any] = Counts()  # who acts, in whatever thread
        self._starting: set[uuid.UUID] = set()
        self._numbers = itertools.count(1)
        self.servers = new_servers(apart)
        for server in self.servers:
            server.at, server.wait_for = self._at, self.turns.wait_for
            server.seconds = self._storage_seconds
        self._undo = contextlib.ExitStack()
        self._rule()
        # Of several clocks, only the one that is ahead knows what nobody takes for due.
        self.reader = Client(self, HOUR, only_looks=True)
        self.clients = [Client(self, 0), Client(self, -HOUR), Client(self, 0, "near")]

    def _rule(self) -> None:
        """Take over the real world's clock and chance, and what else there is once only."""
        sight.alive.clear()
        sight.frozen.clear()
        sight.where = lambda: self._actor.machine if self._actor is not None else ""
        self._undo.callback(clock.set_source, None)
        clock.set_source(self._wall)
        # Engines and lanes are named by chance, and much depends on the order of their names.
        names = random.Random(1)
        self._undo.callback(setattr, uuid, "uuid4", uuid.uuid4)
        uuid.uuid4 = lambda: uuid.UUID(int=names.getrandbits(128))
        self._undo.enter_context(watched(self.interruptions.update))
        here.at, here.process, here.failed = self._at, lambda: self._actor, self.failed
        here.deferreds, here.outside, here.apart, here.kills = [], Counts(), Counts(), Counts()

    def close(self) -> None:
        """Give all that back."""
        self._undo.close()
        for supervisor in self.alive():
            supervisor.die()

    def new_number(self) -> int:
        """A number that nothing else has: a pid for instance."""
        return next(self._numbers)

    def count(self, what: str, number: int = 1) -> None:
        """Count what happens."""
        self.tally[what] += number

    def note(self, what: str) -> None:
        """Remember it for a failure's report."""
        self.notes.append(f"{self.seconds:8.2f} {what}")

    def failed(self, who: str, error: BaseException) -> None:
        """A process met this error; only what belongs to the simulated trouble is expected."""
        self.note(f"{who}: {type(error).__name__}: {error}")
        is_gone = isinstance(error, POSKeyError) and self.was_meddled_with
        if not isinstance(error, EXPECTED) and not is_gone:
            self.faults.append("".join(traceback.format_exception(error)))

    def failed_with(self, who: str, what: str) -> None:
        """The same with the error as a text that begins with its name."""
        self.note(f"{who}: {what}")
        if what.split(":")[0] not in EXPECTED_NAMES:
            self.faults.append(what)

    @property
    def _actor(self) -> Any:
        actors = self.turns.current.actors
        return actors[-1] if actors else None

    def _wall(self) -> int:
        return self.microseconds + (0 if self._actor is None else self._actor.offset)

    def _storage_seconds(self) -> float:
        return 1e9 + self.seconds + self.storage_offset

    def moment_of(self, tid: bytes) -> int:
        """When a transaction was made, by the storage's clock: microseconds."""
        return int((u64(tid) / TICKS - 1e9) * 1_000_000) + BEGIN

    # whose turn it is

    @contextlib.contextmanager
    def acting(self, actor: Any) -> Iterator[None]:
        """Its clock, its view of the processes, its thread's transactions."""
        threads = transaction.manager
        before, actors = threads.manager, self.turns.current.actors
        actors.append(actor)
        self._busy[actor] += 1
        if actor.transactions is not None:
            threads.manager = actor.transactions
        try:
            yield
        finally:
            actors.pop()
            self._busy[actor] -= 1
            threads.manager = before

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Nobody acts: a process ends, whoever has ended it, and that is no place to crash at."""
        turn = self.turns.current
        before, turn.actors = turn.actors, []
        try:
            yield
        finally:
            turn.actors = before

    def is_acting(self, actor: Any) -> bool:
        """Whether it is in the middle of something."""
        return self._busy[actor] > 0

    def _at(self, place: str) -> None:
        """The acting process has come to this place: do to it what is planned."""
        turn, actor = self.turns.current, self._actor
        if actor is None:
            return
        if self.turns.are_taken:
            self.turns.pause()
            if place != READ:
                self.note(f"{actor}: {place}")
        elif place == READ:
            return
        if actor.is_doomed:
            raise Crash
        if turn.twist is None or turn.twist[0] is not actor:
            return
        twist = turn.twist[1]
        if twist.place == place:
            if twist.nth == 0:
                turn.twist = None
                twist.do(actor)
                if actor.is_doomed:
                    raise Crash
            twist.nth -= 1

    @contextlib.contextmanager
    def twisted(self, actor: Any, twist: Twist | None) -> Iterator[None]:
        """Let it happen to the actor meanwhile, if it comes that far."""
        turn = self.turns.current
        before = turn.twist
        if twist is not None:
            turn.twist = (actor, twist)
        try:
            yield
        finally:
            turn.twist = before

    @contextlib.contextmanager
    def client(self, number: int, twist: Twist | None = None) -> Iterator[Client]:
        """Act as a client that is not in the middle of something, up to date."""
        free = [client for client in self.clients if not self.is_acting(client)]
        if not free:
            free = [Client(self, 0)]
            self.clients += free
        client = free[number % len(free)]
        with self.acting(client), self.twisted(client, twist):
            client.sync()
            yield client

    # processes

    def start(self, number: int) -> None:
        """Start a supervisor for a worker, where none runs."""
        worker, machine, offset = self.places[number]
        running = self.supervisors.get(worker)
        if worker in self._starting or (running is not None and running.is_alive):
            return
        self._starting.add(worker)
        self.supervisors[worker] = Supervisor(self, worker, machine, offset)
        self._starting.discard(worker)

    def alive(self) -> list[Supervisor]:
        """The supervisors that live."""
        return [one for one in self.supervisors.values() if one.is_alive]

    @property
    def has_calm_supervisors(self) -> bool:
        """Whether no supervisor has died or was taken for dead."""
        return not self.tally["deaths of supervisors"] and not self.tally["buried alive"]

    @property
    def was_meddled_with(self) -> bool:
        """Whether effects were undone, which nobody makes again."""
        return bool(self.tally["undone"] or self.tally["restored"])

    def processes(self) -> list[Any]:
        """The supervisors and children that live."""
        return [*self.alive(), *self.children]

    def pass_by(self, seconds: float) -> None:
        """Let time pass that supervisors notice when they are next at work."""
        self.seconds += seconds
        self.microseconds += int(seconds * 1_000_000)
        for supervisor in self.alive():
            supervisor.behind += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass everywhere.  Children whose supervisor is gone leave within a second."""
        while seconds > 0:
            step = min(STEP_SECONDS, seconds)
            seconds -= step
            self.pass_by(step)
            for one in self.processes():
                one.databases.hear()
            for supervisor in self.alive():
                supervisor.tick()
            for child in list(self.children):
                if not child.supervisor.is_alive and not self.is_acting(child):
                    child.leave()

    def at_rest(self) -> list[SimulatedChild]:
        """The children that could go on with a job."""
        return [one for one in self.children if one.can_work and not self.is_acting(one)]

    def die_at(self, child: SimulatedChild, job: bytes | None) -> None:
        """A child that was at this job is dead: work out who may have been interrupted by that."""
        self.reader.sync()
        lists = self.reader.session.manager.workers[child.supervisor.worker].thread._lists
        given = {*child.outstanding, *child.deferred}
        for claims in lists[child.slot : child.slot + 1]:
            had = [one for one in claims.items if one._p_oid in given]
            self.interruptions.update(suspects(had, job))

    # Deferreds

    def fire(self, number: int, error: Exception | None = None) -> None:
        """What a job waits for happens, or goes wrong."""
        here.deferreds = [pair for pair in here.deferreds if _lives(pair[0])]
        able = [pair for pair in here.deferreds if not pair[0].is_frozen]
        if able:
            process, deferred = able[number % len(able)]
            here.deferreds.remove((process, deferred))
            self.count("Deferreds fired")
            with self.acting(process):
                deferred.callback(1) if error is None else deferred.errback(error)


def _lives(process: Any) -> bool:
    if isinstance(process, Client):
        return False  # a Deferred is refused there: nobody waits for it
    return process.is_alive if isinstance(process, Supervisor) else not process.is_gone
