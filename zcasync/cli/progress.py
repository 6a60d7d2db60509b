"""What running jobs say of their progress: from the supervisor, else from the last note."""

from __future__ import annotations

from typing import Any

#: The supervisor answers at once or not at all; nobody wants to wait for a detail.
ASK_SECONDS = 1.0


def live(home: Any) -> dict[str, dict[str, Any]]:
    """Job id -> progress, as the home's supervisor knows it; empty where none answers."""
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.protocol.control import ControlClient

    try:
        client = ControlClient(home.control_socket, ASK_SECONDS)
        try:
            found = client.status()
        finally:
            client.close()
    except (NotRunning, StorageAway):
        return {}
    said = [*found["children"], *found["reactor_jobs"]]
    return {one["job"]: one["progress"] for one in said if one["job"] and one["progress"]}


def add(jobs: list[dict[str, Any]], home: Any) -> None:
    """Let the jobs that are active carry the newest report under ``progress``."""
    if any(job["state"] == "active" for job in jobs):
        reports = live(home)
        for job in jobs:
            if job["state"] == "active":
                job["progress"] = reports.get(job["id"].rpartition(":")[2]) or job["progress"]


def text(progress: dict[str, Any] | None) -> str | None:
    """A report in words: ``3 of 10, what it is at``."""
    if not progress:
        return None
    total = "" if progress["total"] is None else f" of {progress['total']:g}"
    message = f", {progress['message']}" if progress["message"] else ""
    return f"{progress['done']:g}{total}{message}"
