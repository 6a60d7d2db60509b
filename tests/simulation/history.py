"""One history: everything that can happen in a simulated world, step by step, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.simulation import jobs
from tests.simulation.children import SimulatedChild
from tests.simulation.expectations import Expectations, Job
from tests.simulation.jobs import Counter
from tests.simulation.supervisors import Supervisor
from tests.simulation.world import PLACES, Client, Twist, World, crash, doubt
from zcasync import Partial, clock
from zcasync.errors import AbortedError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.protocol.outcomes import Death

#: Kind of job: its callable, and how many counters it is given.
KINDS: dict[str, tuple[Callable[..., Any], int]] = {
    "counts": (jobs.count, 1),
    "fails": (jobs.fail, 1),
    "commits itself": (jobs.commit_itself, 2),
    "kills its child": (jobs.kill_the_child, 1),
    "waits for another": (jobs.wait_for_another, 2),
}
#: What can happen to a process at a commit, or while it is at one.
PLANS = (
    "crash before", "crash after", "doubt lost", "doubt after",
    "pass", "work", "callback", "put", "stall", "kill", "restart", "size",
)  # fmt: skip


class History:
    """A world and what is expected of it.  Numbers choose among what there is."""

    def __init__(self) -> None:
        self.world = World()
        self.expected = Expectations(self.world)

    def close(self) -> None:
        """Forget the world."""
        self.world.close()

    # trouble

    def plan(self, what: str, nth: int, number: int) -> Twist:
        """What is to happen at a commit of the acting process."""
        if what.startswith("crash"):
            return Twist(nth, what.split()[1], crash)
        if what.startswith("doubt"):
            return Twist(nth, what.split()[1], doubt)
        meanwhile: dict[str, Callable[[Any], None]] = {
            "pass": lambda actor: self.make_pass(number),
            "work": lambda actor: self.work(number),
            "work and pass": lambda actor: self.work_and_pass(number),
            "callback": lambda actor: self.add_callback(self._job_at_hand(actor, number)),
            "put": lambda actor: self.put("counts", number),
            "stall": self.stall,
            "kill": self.kill_supervisor_of,
            "restart": lambda actor: self.kill_and_restart(actor, number),
            "size": lambda actor: self.set_size(number, number % 4),
        }
        return Twist(nth, "before", meanwhile[what])

    def _job_at_hand(self, actor: Any, number: int) -> int:
        """The number of the job that a child is at, in half of the cases."""
        oids = [job.oid for job in self.expected.jobs]
        current = getattr(actor, "current", None)
        return oids.index(current) if number % 2 and current in oids else number

    def stall(self, actor: Any, seconds: float = 70.0) -> None:
        """The acting process is frozen for longer than its engine has promised to be silent."""
        supervisor = supervisor_of(actor)
        if supervisor is not None:
            supervisor.freeze()
        self.world.advance(seconds)
        if supervisor is not None:
            supervisor.thaw()

    def kill_supervisor_of(self, actor: Any) -> None:
        """The supervisor of the acting process dies, or is the acting process."""
        supervisor = supervisor_of(actor)
        if supervisor is not None:
            supervisor.die()

    def kill_and_restart(self, actor: Any, number: int) -> None:
        """Its supervisor dies, and the next one takes over at once."""
        supervisor = supervisor_of(actor)
        if supervisor is not None:
            supervisor.die()
            self.restart(number)

    # clients

    def put(
        self, kind: str, who: int = 0, after: int = 0, by: int | None = None,
        workers: tuple[int, bool] | None = None, twist: Twist | None = None,
    ) -> None:  # fmt: skip
        """A client puts one job; ``workers``: one's number, and whether it is the only one."""
        client = self.world.client(who)
        partial, counters = self._new(client, kind)
        if workers is not None:
            uuids = partial.selectedUUIDs if workers[1] else partial.excludedUUIDs
            uuids.add(PLACES[workers[0]][0])
        with self.world.acting(client), self.world.twisted(client, twist):
            begin_after = clock.to_datetime(clock.now()) + timedelta(seconds=after)
            begin_by = None if by is None else timedelta(seconds=by)
            client.session.queue.put(partial, begin_after, begin_by)
            self._commit_puts(client, [(kind, partial, counters)], by is not None)

    def put_many(self, who: int, count: int, twist: Twist | None = None) -> None:
        """A client puts several jobs at once."""
        client = self.world.client(who)
        made = [self._new(client, "counts") for _ in range(count)]
        with self.world.acting(client), self.world.twisted(client, twist):
            client.session.queue.put_many([partial for partial, _ in made])
            self._commit_puts(client, [("counts", *one) for one in made], False)

    def _new(self, client: Client, kind: str) -> tuple[Partial, list[Counter]]:
        call, count = KINDS[kind]
        counters = [Counter() for _ in range(count)]
        for counter in counters:
            client.session.connection.add(counter)
        return Partial(call, *counters), counters

    def _commit_puts(
        self, client: Client, made: list[tuple[str, Partial, list[Counter]]], has_deadline: bool
    ) -> None:
        self.world.microseconds += 1
        found = [
            Job(kind, partial._p_oid, partial._due or 0, [one._p_oid for one in counters])
            for kind, partial, counters in made
        ]
        for job in found:
            job.has_deadline = has_deadline
        try:
            client.session.commit()
        except ConflictError:
            client.session.abort()
            return
        except ClientDisconnected:  # in doubt: the record tells
            client.session.abort()
            if made and found[0].oid not in self.world.storage._data:
                return
        self.expected.jobs += found

    def add_callback(self, number: int, who: int = 0, twist: Twist | None = None) -> None:
        """A client adds a callback, whatever state the job is in."""
        if not self.expected.jobs:
            return
        job = self.expected.jobs[number % len(self.expected.jobs)]
        client = self.world.client(who)
        with self.world.acting(client), self.world.twisted(client, twist):
            for _ in range(3):
                counter = Counter()
                try:
                    client.session.connection.add(counter)
                    client.session.connection.get(job.oid).addCallback(Partial(jobs.count, counter))
                    oid = counter._p_oid
                    client.session.commit()
                except ConflictError:  # tried again, it sees what the other one did
                    client.session.sync()
                else:
                    job.callbacks.append(oid)
                    return

    def cancel(self, number: int) -> None:
        """Somebody does not want a job any more."""
        if not self.expected.jobs:
            return
        job = self.expected.jobs[number % len(self.expected.jobs)]
        client = self.world.client(0)
        partial = client.session.connection.get(job.oid)
        if partial.state == PENDING:
            with self.world.acting(client):
                job.was_cancelled = True
                with contextlib.suppress(ConflictError):  # somebody was quicker
                    partial.fail(AbortedError("cancelled by a client"))
                client.session.abort()
        elif partial.state != COMPLETED:
            for supervisor in self.world.alive():
                engine, claim = supervisor.engine, partial.claim
                if engine is not None and claim is not None and claim.engineUUID == engine.UUID:
                    job.was_cancelled = True
                    with self.world.acting(supervisor):
                        engine.cancel(job.oid, "jane")

    def set_size(self, number: int, size: int) -> None:
        """Somebody changes how many children a worker has."""
        client = self.world.client(1)
        worker = client.session.manager.workers.get(PLACES[number % 3][0])
        if worker is not None:
            with self.world.acting(client):
                worker.thread.size = size
                client.session.commit()

    # processes

    def make_pass(self, number: int, listen: bool = True, twist: Twist | None = None) -> None:
        """A supervisor hears its children, or not yet, and makes a pass."""
        alive = [one for one in self.world.alive() if not self.world.is_acting(one)]
        if alive:
            supervisor = alive[number % len(alive)]
            with self.world.twisted(supervisor, twist):
                supervisor.pass_now(listen)

    def _child(self, number: int) -> SimulatedChild | None:
        able = self.world.workers_at_rest()
        return able[number % len(able)] if able else None

    def work(self, number: int, twist: Twist | None = None) -> None:
        """A child performs its next job."""
        child = self._child(number)
        if child is not None:
            with self.world.twisted(child, twist):
                child.work()

    def work_and_pass(self, number: int) -> None:
        """A child performs its next job, and its supervisor retires it."""
        child = self._child(number)
        if child is not None:
            child.work()
            child.supervisor.pass_now()

    def begin(self, number: int) -> None:
        """A child begins a job: what is behind it can be taken back, this one not."""
        child = self._child(number)
        if child is not None:
            child.begin()

    def kill_child(self, number: int) -> None:
        """A child dies, whatever it is at."""
        if self.world.children:
            child = self.world.children[number % len(self.world.children)]
            child.die(Death(pid=child.pid, signal="SIGKILL"))

    def take_back(self, number: int) -> None:
        """A supervisor wants back what a child has not begun."""
        child = self._child(number)
        if child is None or not child.supervisor.is_running or child.state != "busy":
            return
        engine = child.supervisor.engine
        if engine is not None and engine.pool.children.get(child.slot) is child:
            with self.world.acting(child.supervisor):
                engine._sharing.take_back(child)

    def kill(self, number: int, children_freeze: bool = False) -> None:
        """A supervisor dies; its children leave soon, unless they are frozen."""
        alive = self.world.alive()
        if alive:
            supervisor = alive[number % len(alive)]
            supervisor.die()
            for child in self.world.children:
                if child.supervisor is supervisor:
                    child.is_frozen = children_freeze

    def freeze(self, number: int, children_too: bool) -> None:
        """A machine stands still: no passes, and perhaps no work."""
        alive = self.world.alive()
        if alive:
            supervisor = alive[number % len(alive)]
            supervisor.freeze()
            for child in self.world.children:
                if child.supervisor is supervisor:
                    child.is_frozen = children_too

    def thaw(self) -> None:
        """Everything goes on."""
        for supervisor in self.world.alive():
            supervisor.thaw()
        for child in self.world.children:
            child.is_frozen = False

    def restart(self, number: int) -> None:
        """A supervisor is started for a worker that has none."""
        self.world.start(number % 3)

    def stop(self, number: int) -> None:
        """A supervisor is stopped cleanly."""
        alive = [one for one in self.world.alive() if one.is_running]
        if alive:
            alive[number % len(alive)].stop()


def supervisor_of(actor: Any) -> Supervisor | None:
    """The supervisor that the actor is or belongs to; a client has none."""
    if isinstance(actor, Supervisor):
        return actor
    return getattr(actor, "supervisor", None)
