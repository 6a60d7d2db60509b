"""How many jobs have completed, and how many of these ended how, of those that are kept."""

from __future__ import annotations

from typing import Any


def ended(done: Any) -> dict[str, int]:
    """Return the counts of a collection of completed jobs."""
    total, failed, cancelled = len(done), done.failed, done.cancelled
    succeeded = max(0, total - failed - cancelled)
    return {
        "completed": total,
        "succeeded": succeeded,
        "failed": failed,
        "cancelled": cancelled,
    }


def former(manager: Any) -> dict[str, int] | None:
    """Return those of workers whose records were removed; None: there are none."""
    gone = None if manager is None else manager.workers.former
    return None if gone is None or not len(gone.completed) else ended(gone.completed)
