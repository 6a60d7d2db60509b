"""What has happened in simulated histories, for people."""

from __future__ import annotations

import time
from collections import Counter as Counts

from tests.simulation.steps import Steps

#: Of all of them.
ASSERTED = (
    "  asserted: every unfinished job in exactly one place, the numbers of those that wait and of "
    "those\n  that wait for later, nothing unfinished that a pack would remove, every job over "
    "once, its effects,\n  results and callbacks there once, no claim left, no attempt lost by "
    "others"
)


class Tally:
    """Counts histories and what they were full of."""

    def __init__(self) -> None:
        self.histories = 0
        self._counts: Counts[str] = Counts()
        self._began = time.monotonic()

    def add(self, steps: Steps) -> None:
        """One more history."""
        world = steps.history.world
        self.histories += 1
        self._counts.update(world.tally)
        self._counts["steps"] += len(steps.taken)
        self._counts["switches between those that go on together"] += world.turns.switches
        expected = steps.history.expected
        self._counts["times that all was asserted"] += expected.looks
        self._counts["jobs that were seen in their one place"] += expected.audit.looked_at
        self._counts["jobs and callbacks"] += sum(
            1 + len(job.callbacks) for job in steps.history.expected.jobs
        )
        for server in world.servers:
            self._counts["commits"] += server.commits
            self._counts["commits that were cut off"] += server.cut_offs

    def told(self, what: str) -> str:
        """All of it as a text; ``what``: of which histories."""
        took = time.monotonic() - self._began
        lines = [
            f"{self.histories} {what} in {took:.1f} s, {60 * self.histories / took:.0f} a minute:"
        ]
        for name, number in sorted(self._counts.items(), key=lambda pair: -pair[1]):
            lines.append(f"  {number:9} {name} ({number / max(1, self.histories):.2f} each)")
        return "\n".join([*lines, ASSERTED])
