"""What workers have claimed, by the queue that it is of."""

from __future__ import annotations

from typing import Any

from zcasync.job.broken import broken


def claimed_by_queue(manager: Any) -> dict[str, int]:
    """Return how many jobs of each queue are claimed and have not ended."""
    found: dict[str, int] = {}
    for worker in manager.workers.values():
        for partial in (*worker.thread, *worker.reactor):
            if broken(partial) is None and not partial.has_result and partial.queue is not None:
                name = partial.queue.__name__
                found[name] = found.get(name, 0) + 1
    return found
