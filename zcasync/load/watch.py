"""The watch over a load: the supervisor, its children and the processors, looked at meanwhile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from zcasync.errors import ZCAsyncError
from zcasync.instance.home import Home
from zcasync.reports.workers import ask

LOOK_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
#: In these a child has a job, in those it could have one.
BUSY, IDLE = "busy", "idle"


@dataclass(frozen=True)
class Seen:
    """What was seen of a load's other side; None: not to be seen from here.

    ``children``: how many there were; ``busy``: which share of them had a job.  ``processors``: by
    who, how many of this machine's were in use, ``all`` by whoever; ``cores``: how many there are.
    ``conflicts``: commits of passes that were refused; ``passes``, ``claimed``: passes and the jobs
    that they have claimed.
    """

    children: float | None
    busy: float | None
    processors: dict[str, float]
    cores: int
    passes: int | None
    claimed: int | None
    conflicts: int | None


class Watch:
    """Looks once a second in a thread of its own, from ``begin`` to ``end``."""

    def __init__(self, home: Home, clients: Iterable[int]) -> None:
        self._home = home
        self._clients = list(clients)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._processors = _Processors()
        self._busy: list[tuple[int, int]] = []
        self._passes: list[dict[str, int]] = []
        self._moments: list[float] = []
        self._all = 0.0

    def begin(self) -> None:
        """Begin to look."""
        psutil.cpu_percent()
        self._thread.start()

    def end(self) -> Seen:
        """Look a last time; return what was seen."""
        self._is_over.set()
        self._thread.join()
        self._all = psutil.cpu_percent()
        cores = psutil.cpu_count() or 1
        seconds = max(0.001, self._moments[-1] - self._moments[0])
        used = {name: time / seconds for name, time in self._processors.used().items()}
        return Seen(
            _mean(count for count, _ in self._busy),
            _share(self._busy),
            {**used, "all": self._all / 100 * cores},
            cores,
            *(self._grown(name) for name in ("passes", "claimed", "conflicts")),
        )

    def _run(self) -> None:
        while True:
            self._look()
            if self._is_over.is_set():
                return
            self._is_over.wait(LOOK_SECONDS)

    def _look(self) -> None:
        self._moments.append(time.monotonic())
        for pid in self._clients:
            self._processors.look("clients", pid)
        try:
            said = ask(self._home, TIMEOUT_SECONDS)
        except ZCAsyncError:  # it is elsewhere, or busy
            return
        children = [one for one in said["children"] if one["state"] in (BUSY, IDLE)]
        self._busy.append((len(children), sum(one["state"] == BUSY for one in children)))
        if said["passes"] is not None:
            self._passes.append(said["passes"])
        self._processors.look("supervisor", said["pid"])
        if said["server_pid"] is not None:
            self._processors.look("server", said["server_pid"])
        for one in children:
            self._processors.look("children", one["pid"])

    def _grown(self, name: str) -> int | None:
        """Return by how much a count of the passes has grown."""
        if len(self._passes) < 2:
            return None
        grown = self._passes[-1][name] - self._passes[0][name]
        return grown if grown >= 0 else None  # another engine has begun


class _Processors:
    """The processor's time of some processes since they were first looked at."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, int], float] = {}
        self._last: dict[tuple[str, int], float] = {}

    def look(self, who: str, pid: int) -> None:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:  # it has ended, or is in another namespace
            return
        self._first.setdefault((who, pid), times.user + times.system)
        self._last[who, pid] = times.user + times.system

    def used(self) -> dict[str, float]:
        total: Counter[str] = Counter()
        for (who, pid), last in self._last.items():
            total[who] += last - self._first[who, pid]  # type: ignore[assignment]
        return dict(total)


def _mean(values: Iterable[int]) -> float | None:
    found = list(values)
    return sum(found) / len(found) if found else None


def _share(counts: list[tuple[int, int]]) -> float | None:
    """Return which share of the children was busy."""
    total = sum(count for count, _ in counts)
    return sum(busy for _, busy in counts) / total if total else None
