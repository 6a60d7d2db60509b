"""The tormentor: kills and freezes at random, by a seed, and thaws and restarts what it must."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

import psutil

from tests.chaos.arena import Arena
from tests.chaos.points import FINISHING, MOMENTS, POINTS, Point
from zcasync.testing.waiting import wait_until

#: How often each thing is done, relative to the others.
WEIGHTS = {
    ("kill", "child"): 4,
    ("freeze", "child"): 3,
    ("kill", "supervisor"): 1,
    ("freeze", "supervisor"): 1,
    ("kill", "server"): 1,
    ("freeze", "server"): 1,
    ("trap kill", "point"): 4,
    ("trap freeze", "point"): 2,
    ("trap doubt", "point"): 2,
    ("trap kill", "server"): 1,
}
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.9
#: So long it waits for the application to get on before it goes on: the machine may be slow.
LONGEST_WAIT = 6.0
#: Longest freezes, seconds.  A supervisor's promise here is 2 s: longer ones are buried.
FREEZE_SECONDS = {"child": 4.0, "supervisor": 6.0, "server": 2.5}
#: One freeze in so many of a long run lasts half a minute.
LONG_FREEZE_EVERY = 40
LONG_FREEZE_SECONDS = 30.0


def is_over(process: psutil.Process) -> bool:
    """Thaw a process; False when it is not frozen yet."""
    try:
        status = process.status()
        if status == psutil.STATUS_STOPPED:
            process.resume()
    except psutil.NoSuchProcess:
        return True
    return status in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)


class Tormentor:
    """Torments an arena for a while; ``progress()`` is a number that grows as jobs are done."""

    def __init__(
        self,
        ring: Arena,
        rng: random.Random,
        progress: Callable[[], int],
        long_freezes: bool = False,
    ) -> None:
        self.tally: Counter[str] = Counter()
        self.deaths: Counter[str] = Counter()  # by role, of whatever cause
        self._ring = ring
        self._rng = rng
        self._progress = progress
        self._long_freezes = long_freezes
        self._pace = threading.Event()  # never set
        self._thaws: dict[psutil.Process, float] = {}

    def run(self, seconds: float) -> None:
        """Torment it for so long, then let it alone: nothing frozen, no trap, nobody dead."""
        deadline = time.monotonic() + seconds
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        while time.monotonic() < deadline:
            (action,) = self._rng.choices(kinds, weights)
            self._act(*action)
            self._let_it_go_on(self._rng.uniform(SHORTEST_PAUSE, LONGEST_PAUSE))
        for name in self._ring.traps.armed():
            self._ring.traps.disarm(name)
        self._count_traps()
        wait_until(lambda: self._thaw(float("inf")), "all that is frozen to thaw")
        self._ring.restart_the_dead()

    def _let_it_go_on(self, pause: float) -> None:
        """Restart and thaw, for a pause and until some jobs are done."""
        began, before = time.monotonic(), self._progress()
        while (waited := time.monotonic() - began) < LONGEST_WAIT:
            self._ring.restart_the_dead()
            self._count_traps()
            self._thaw(time.monotonic())
            if waited >= pause and self._progress() > before:
                return
            self._pace.wait(0.05)

    def _act(self, action: str, target: str) -> None:
        if action.startswith("trap"):
            anywhere = Point("server", "any", self._rng.choice([*MOMENTS, FINISHING]))
            point = anywhere if target == "server" else self._rng.choice(POINTS)
            self._ring.traps.arm(point, action.split()[1])
            return
        processes = [one for one in self._ring.processes()[target] if one not in self._thaws]
        if processes:
            self._hit(action, target, self._rng.choice(processes))

    def _hit(self, action: str, target: str, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if action == "kill":
                process.kill()
                self.deaths[target] += 1
            else:
                process.suspend()
                self._thaw_later(target, process)
            self.tally[f"{action} {target}"] += 1

    def _thaw_later(self, target: str, process: psutil.Process) -> None:
        seconds = self._rng.uniform(0.2, FREEZE_SECONDS[target])
        if self._long_freezes and self._rng.randrange(LONG_FREEZE_EVERY) == 0:
            seconds = LONG_FREEZE_SECONDS
            self.tally[f"of these for {seconds:g} s: {target}"] += 1
        self._thaws[process] = time.monotonic() + seconds

    def _thaw(self, now: float) -> bool:
        """Thaw those whose time has come; whether none is left.

        One that has not stopped yet, though it was told to, has to wait for its turn.
        """
        for process, moment in list(self._thaws.items()):
            if moment <= now and is_over(process):
                del self._thaws[process]
        return not self._thaws

    def _count_traps(self) -> None:
        for name, pid in self._ring.traps.take_all():
            role, commit, moment, action = name.split(".")
            self.tally[f"trap {action} {role} at {commit} {moment}"] += 1
            if action == "kill":
                self.deaths[role] += 1
            elif action == "freeze":
                with contextlib.suppress(psutil.NoSuchProcess):
                    self._thaw_later(role, psutil.Process(pid))
