"""One history: everything that can happen in a simulated world, step by step.

Numbers choose among what there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation import meddling
from tests.simulation.children import SimulatedChild
from tests.simulation.clients import WHO, Job
from tests.simulation.expectations import Expectations
from tests.simulation.jobs import here
from tests.simulation.supervisors import DEADLY_SECONDS, Supervisor
from tests.simulation.twists import Twist, crash, doubt
from tests.simulation.world import IDLE_LANE_SECONDS, PLACES, World
from zcasync.interfaces import COMPLETED
from zcasync.liveness.death import Death


class History:
    """A world and what is expected of it."""

    def __init__(
        self, apart: bool = False, idle_lane: float = IDLE_LANE_SECONDS, places: Any = PLACES
    ) -> None:
        self.world = World(apart, idle_lane, places)
        self.expected = Expectations(self.world)

    def close(self) -> None:
        """Forget the world."""
        self.world.close()

    def _job(self, number: int) -> Job | None:
        jobs = self.expected.jobs
        return jobs[number % len(jobs)] if jobs else None

    # trouble

    def plan(self, plan: str, nth: int, number: int) -> Twist:
        """What is to happen at a commit of the acting process."""
        what, place = plan.split()
        doings: dict[str, Callable[[Any], None]] = {
            "crash": crash,
            "doubt": doubt,
            "pass": lambda actor: self.make_pass(number),
            "work": lambda actor: self.work(number),
            "work+pass": lambda actor: self.work_and_pass(number),
            "callback": lambda actor: self.add_callback(self._at_hand(actor, number)),
            "cancel": lambda actor: self.cancel(self._at_hand(actor, number)),
            "put": lambda actor: self.put(["counts"], number),
            "stall": self.stall,
            "kill": self.kill_supervisor_of,
            "restart": lambda actor: self.kill_and_restart(actor, number),
            "size": lambda actor: self.set_size(number, number % 4),
        }
        return Twist(nth, place, doings[what])

    def _at_hand(self, actor: Any, number: int) -> int:
        """The number of the job that a child is at, in half of the cases."""
        oids = [job.oid for job in self.expected.jobs]
        current = getattr(actor, "current", None)
        is_known = number % 2 and current is not None and current.oid in oids
        return oids.index(current.oid) if is_known else number

    def stall(self, actor: Any, seconds: float = DEADLY_SECONDS) -> None:
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
        self.kill_supervisor_of(actor)
        self.restart(number)

    # clients

    def put(
        self, names: list[str], who: int = 0, after: int = 0, by: int | None = None,
        worker: tuple[int, bool] | None = None, twist: Twist | None = None, priority: int = 0,
    ) -> None:  # fmt: skip
        """A client puts jobs; ``worker``: one's number, and whether it is the only one."""
        workers = None if worker is None else (PLACES[worker[0]][0], worker[1])
        with self.world.client(who, twist) as client:
            made = client.put(names, after, by, workers, priority)
        self.expected.jobs += made  # not before: others go on meanwhile
        self.world.count("puts")

    def add_callback(
        self, number: int, name: str = "counts", who: int = 0, twist: Twist | None = None
    ) -> None:
        """A client adds a callback, whatever state the job is in."""
        job = self._job(number)
        if job is not None:
            with self.world.client(who, twist) as client:
                client.add_callback(job, name)

    def fail(self, number: int, twist: Twist | None = None) -> None:
        """The application itself ends a job that waits, or dies of it."""
        job = self._job(number)
        if job is not None:
            with self.world.client(0, twist) as client:
                client.fail(job)

    def cancel(self, number: int, who: int = 0) -> None:
        """An operator does not want a job any more."""
        job = self._job(number)
        if job is None:
            return
        with self.world.client(who) as client:
            if client.partial(job.oid).state == COMPLETED:
                return
            is_ended = client.cancel(job)
        self.world.count("cancelled")
        if not is_ended:
            for supervisor in self.world.alive():
                engine = supervisor.engine
                if engine is not None and supervisor.is_running:
                    with self.world.acting(supervisor):
                        engine.cancel(job.oid, WHO)

    def release(self, number: int, who: int = 0) -> None:
        """An operator takes an engine for dead, and perhaps it is not."""
        with self.world.client(who) as client:
            buried = client.release(self.world.places[number % len(self.world.places)][0])
        engines = [] if buried is None else self.world.alive()
        for supervisor in engines:
            engine = supervisor.keeper.engine
            if engine is not None and buried == engine.UUID:
                supervisor.is_released = True
                self.world.count("released alive")

    def set_size(self, number: int, size: int, kind: str = "thread") -> None:
        """Somebody changes how many jobs a worker performs at once."""
        with self.world.client(1) as client:
            client.set_size(self.world.places[number % len(self.world.places)][0], kind, size)

    # what operators do to the database

    def undo(self, number: int) -> None:
        """Somebody undoes one of the latest commits, if the server lets them."""
        meddling.undo(self.world, number)
        self.expected.sort_out()

    def restore(self, number: int) -> None:
        """The server comes back with an older database, behind the same address."""
        meddling.restore(self.world, number)
        self.expected.forget_interrupted_clients()

    # processes

    def make_pass(self, number: int, listen: bool = True, twist: Twist | None = None) -> None:
        """A supervisor hears its children, or not yet, and makes a pass."""
        alive = [one for one in self.world.alive() if not self.world.is_acting(one)]
        if alive:
            supervisor = alive[number % len(alive)]
            with self.world.twisted(supervisor, twist):
                supervisor.pass_now(listen)

    def _child(self, number: int) -> SimulatedChild | None:
        able = self.world.at_rest()
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

    def work_in_reactor(self, number: int, twist: Twist | None = None) -> None:
        """A supervisor performs a reactor job, or stores what one has come to."""
        able = [one for one in self.world.alive() if one.threads.waiting and one.is_running]
        if able:
            supervisor = able[number % len(able)]
            with self.world.twisted(supervisor, twist):
                supervisor.threads.go_on(number)

    def fire(self, number: int, is_well: bool = True) -> None:
        """What a job waits for happens, or goes wrong."""
        self.world.fire(number, None if is_well else ZeroDivisionError("went wrong"))

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
        if engine is not None and engine.executors.pool.children.get(child.slot) is child:
            with self.world.acting(child.supervisor):
                engine.executors._sharing.take_back(child)

    def give_back(self, number: int, by_death: bool) -> None:
        """A supervisor gets back what one of its children had, and lets it wait again."""
        child = self._child(number)
        if child is not None:
            if by_death:
                child.die(Death(pid=child.pid, signal="SIGKILL"))
            else:
                self.take_back(number)
            child.supervisor.pass_now()

    def delay_news(self, number: int) -> None:
        """What others commit takes its time to reach a process."""
        processes = self.world.processes()
        if processes:
            processes[number % len(processes)].databases.be_late()

    def kill(self, number: int, children_freeze: bool = False) -> None:
        """A supervisor dies; its children leave soon, unless they are frozen."""
        self._stop(number, Supervisor.die, children_freeze)

    def freeze(self, number: int, children_too: bool) -> None:
        """A machine stands still: no passes, and perhaps no work."""
        self._stop(number, Supervisor.freeze, children_too)

    def _stop(self, number: int, stop: Callable[[Supervisor], None], children_too: bool) -> None:
        alive = self.world.alive()
        if alive:
            supervisor = alive[number % len(alive)]
            stop(supervisor)
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
        self.world.start(number % len(self.world.places))

    def stop(self, number: int) -> None:
        """A supervisor is stopped cleanly."""
        alive = [one for one in self.world.alive() if one.is_running]
        alive = [one for one in alive if not self.world.is_acting(one)]
        if alive:
            alive[number % len(alive)].stop()

    def leave(self, number: int) -> None:
        """A supervisor that has work is stopped cleanly, and gives it back."""
        child = self._child(number)
        supervisor = None if child is None else child.supervisor
        is_free = supervisor is not None and not self.world.is_acting(supervisor)
        if supervisor is not None and is_free and supervisor.is_running:
            supervisor.stop()
            supervisor.tick()

    def end_waits(self) -> None:
        """All that jobs wait for happens."""
        while here.deferreds:
            self.world.fire(0)


def supervisor_of(actor: Any) -> Supervisor | None:
    """The supervisor that the actor is or belongs to; a client has none."""
    if isinstance(actor, Supervisor):
        return actor
    return getattr(actor, "supervisor", None)
