"""Brings processes to a named point: what has to happen for each kind of commit to be made."""

from __future__ import annotations

import contextlib
import signal

import psutil

from tests.chaos.arena import Arena
from tests.chaos.jobs import KINDS
from tests.chaos.points import Point
from tests.chaos.workload import Workload
from tests.support.instance import Instance
from zcasync.interfaces import NotRunning, StorageAway
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

#: The trap that the action "doubt" sets for the server.
SERVER = "server.any.finished.kill"

SPRING_SECONDS = 90.0
DONE_SECONDS = 120.0


class Provoker:
    """Springs traps one after the other while a workload goes on."""

    def __init__(self, ring: Arena, workload: Workload) -> None:
        self.workload = workload
        self._ring = ring

    def spring(self, point: Point, action: str) -> int:
        """Set a trap and see to it that it is sprung; the pid of the process that did it."""
        ends = point.commit in ("begin", "burial", "end")
        if ends:
            self._wait_for_both_supervisors()
        if point.commit == "tick":
            self.workload.begin_beat()
        name = self._ring.traps.arm(point, action)
        if ends:
            number = signal.SIGTERM if point.commit == "end" else signal.SIGKILL
            self._ring.pair[0].send(number)

        def is_sprung() -> bool:
            self._keep_going(point)
            return bool(self._ring.traps.sprung(name))

        wait_until(is_sprung, f"the trap {name}", SPRING_SECONDS, self._seen)
        pid = self._ring.traps.take(name)
        if action == "kill":
            wait_until(lambda: self._is_gone(pid), f"process {pid} to be gone")
        elif action == "doubt":
            wait_until(
                lambda: self._ring.traps.sprung(SERVER), "the server's trap", seen=self._seen
            )
            server = self._ring.traps.take(SERVER)
            wait_until(lambda: self._is_gone(server), "the server to be gone")
        return pid

    def see_all_through(self) -> None:
        """Restart what is dead and wait for all jobs, those of a schedule too, which ends."""
        self._ring.restart_the_dead()
        self.workload.end_beat()

        def done() -> bool:
            self._ring.restart_the_dead()
            return self.workload.are_done(range(self.workload.count))

        wait_until(done, "all jobs to be done", DONE_SECONDS, self._seen)
        self._wait_for_both_supervisors()

    def outlive(self, point: Point) -> None:
        """Go on while a process is frozen at a point, until it is cut off.

        A supervisor's jobs are done by the other one; those of a child wait for it, but what it
        has locked in the server is for others again.
        """
        self._ring.restart_the_dead()
        numbers = self.workload.put(sorted(KINDS))

        def done() -> bool:
            self._ring.restart_the_dead()  # the one that an earlier point has let end
            return self.workload.are_done(numbers)

        if point.role == "supervisor":
            wait_until(done, f"jobs during {point}", DONE_SECONDS, self._seen)

    def _wait_for_both_supervisors(self) -> None:
        """Where one is dead, nobody could see the other one's end.

        One that was frozen until it was buried has nothing left to be buried before it has noticed
        that and begun anew.
        """
        self._ring.restart_the_dead()
        for instance in self._ring.pair:
            instance.wait_until_ready()
            wait_until(
                lambda one=instance: self._serves(one), "its engine to count", seen=self._seen
            )

    def _serves(self, instance: Instance) -> bool:
        """Whether the engine that a supervisor believes to be is the one in its worker's record."""
        try:
            engine = instance.status()["engine"]
        except (NotRunning, StorageAway):
            return False
        return engine is not None and engine == self.workload.engine_of(instance.home)

    def _keep_going(self, point: Point) -> None:
        """Restart what is to be restarted, and give them something to do."""
        if point.commit != "burial":
            self._ring.restart_the_dead()
        if point.commit == "recover":
            self._kill_a_busy_child()
        if self.workload.are_done(range(self.workload.count)):
            self.workload.put(sorted(KINDS))

    def _kill_a_busy_child(self) -> None:
        """One that has something in hand, so that there is something to recover."""
        for instance in self._ring.pair:
            for pid in self._busy_children(instance)[:1]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
                return

    def _busy_children(self, instance: Instance) -> list[int]:
        """None where the supervisor does not answer: it is dead, frozen, or starts."""
        try:
            return instance.child_pids("busy")
        except (NotRunning, StorageAway):
            return []

    def _is_gone(self, pid: int) -> bool:
        """Whether a process has ended, and its parent, if that is us, knows."""
        if pid == self._ring.server.pid:
            return not self._ring.server.is_alive
        for instance in self._ring.pair:
            if pid == instance.pid:
                return not instance.is_alive
        return is_gone(pid)

    def _seen(self) -> str:
        armed = self._ring.traps.armed()
        return f"{armed}\n{self.workload.unfinished()}\n{self._ring.evidence()}"
