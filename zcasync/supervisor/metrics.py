"""Counts what poll passes did, so that operators and measurements see how often they conflict."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zcasync.supervisor.poll.messages import PassResult


@dataclass
class PassMetrics:
    """Counts since the engine started."""

    passes: int = 0  # that committed
    claiming: int = 0  # those of them that claimed something
    claimed: int = 0  # jobs
    conflicts: int = 0  # commits of passes that were refused and tried again

    def add(self, result: PassResult) -> None:
        """Count a pass that committed."""
        self.passes += 1
        self.claiming += result.claimed > 0
        self.claimed += result.claimed
        self.conflicts += result.conflicts

    def as_dict(self) -> dict[str, int]:
        """For the status."""
        return asdict(self)
