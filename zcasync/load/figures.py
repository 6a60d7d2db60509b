"""The figures of a load: what its clients, its jobs and the watch have told, and the document."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zcasync.load.latencies import Latencies
from zcasync.load.outcomes import Outcomes, Put
from zcasync.load.watch import Seen


@dataclass
class Figures:
    """All that was measured.

    ``late``: how long after its moment each put began, ``put``: until its commit; microseconds.
    ``seconds``: for how long was put; ``processor``: the processor's seconds of the clients.
    """

    rate: float
    clients: int
    processes: int
    late: Latencies = field(default_factory=Latencies)
    put: Latencies = field(default_factory=Latencies)
    conflicts: int = 0
    lost: int = 0
    seconds: float = 0.0
    outcomes: Outcomes = field(default_factory=Outcomes)
    seen: Seen = field(default_factory=lambda: Seen(None, None, {}, 1, None, None, None))

    def hear(self, news: dict[str, Any]) -> list[Put]:
        """Count what a process of clients has told; return its puts."""
        self.conflicts += news["conflicts"]
        self.lost += news["lost"]
        puts = []
        for database, oid, late, took, committed in news["puts"]:
            self.late.add(late)
            self.put.add(took)
            puts.append(Put(database, oid.to_bytes(8), committed, took))
        return puts

    def note_seconds(self, puts: list[Put]) -> None:
        """Note for how long was put: up to one interval behind the last commit."""
        if puts:
            first = min(put.committed - put.took for put in puts)
            last = max(put.committed for put in puts)
            self.seconds = (last - first) / 1e6 + 1 / self.rate

    @property
    def puts(self) -> int:
        """How many were committed."""
        return self.put.count

    @property
    def put_seconds(self) -> float:
        """How long a put took once it had begun: the mean."""
        return (self.put.mean - self.late.mean) / 1e6

    @property
    def at_once(self) -> float:
        """How many puts were on their way at any time: the mean."""
        return self.puts * self.put_seconds / self.seconds if self.seconds else 0.0

    @property
    def completed_a_second(self) -> float:
        """How many jobs ended a second, from the moment of the first put to the last end."""
        found = self.outcomes
        if found.first is None or found.last is None:
            return 0.0
        return found.completed / max((found.last - found.first) / 1e6, self.seconds, 1e-6)

    def as_dict(self) -> dict[str, Any]:
        """Return the part of the document that has numbers."""
        found, seen = self.outcomes, self.seen
        return {
            "clients": self.clients,
            "processes": self.processes,
            "seconds": round(self.seconds, 2),
            "rate": {
                "asked": self.rate,
                "put": _a_second(self.puts, self.seconds),
                "completed": float(f"{self.completed_a_second:.4g}"),
            },
            "puts": self.puts,
            "lost": self.lost,
            "completed": found.completed,
            "failed": found.failed,
            "unended": len(found.unended),
            "gone": found.gone,
            "latencies": {
                "late": self.late.as_dict(),
                "put": self.put.as_dict(),
                "start": found.start.as_dict(),
                "result": found.result.as_dict(),
            },
            "conflicts": {
                "puts": self.conflicts,
                "passes": seen.conflicts,
                "jobs": found.conflicts,
            },
            "passes": seen.passes,
            "children": {"number": _round(seen.children), "busy": _round(seen.busy)},
            "processors": {name: round(used, 3) for name, used in seen.processors.items()},
            "cores": seen.cores,
            "clocks_differ": found.early > 0,
        }


def _a_second(count: int, seconds: float) -> float:
    return float(f"{count / seconds:.4g}") if seconds else 0.0


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
