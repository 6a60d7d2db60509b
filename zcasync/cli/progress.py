"""The progress of running jobs: from the supervisor, else from the last note in the database."""

from __future__ import annotations

from typing import Any

#: The supervisor answers at once or not at all, and a detail is not worth waiting for.
ASK_SECONDS = 1.0


def live(home: Any) -> dict[str, tuple[int, dict[str, Any] | None]]:
    """Return what the home's supervisor knows of running jobs: id -> process, last report.

    Empty where none answers.
    """
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.protocol.control_client import ControlClient

    try:
        client = ControlClient(home.control_socket, ASK_SECONDS, home.owner)
        try:
            found = client.status()
        finally:
            client.close()
    except (NotRunning, StorageAway):
        return {}
    return known(found)


def known(found: dict[str, Any]) -> dict[str, tuple[int, dict[str, Any] | None]]:
    """Return what a supervisor's status says of running jobs, as ``live``; ``{}``: nothing."""
    inside = [{"pid": found["pid"], **one} for one in found.get("reactor_jobs", ())]
    said = [*found.get("children", ()), *inside]
    return {one["job"]: (one["pid"], one["progress"]) for one in said if one["job"]}


def add(jobs: list[dict[str, Any]], home: Any) -> None:
    """Add ``process`` to all jobs, and to active ones their newest report.

    ``process`` is None for a job that is only claimed, and where no supervisor answers.
    """
    is_any_active = any(job["state"] == "active" for job in jobs)
    add_known(jobs, live(home) if is_any_active else {})


def add_known(
    jobs: list[dict[str, Any]], running: dict[str, tuple[int, dict[str, Any] | None]]
) -> None:
    """Add as ``add``, from what the supervisor has said of running jobs."""
    for job in jobs:
        job["process"] = None
        if job.get("state") == "active":
            job["process"], report = running.get(job["id"].rpartition(":")[2], (None, None))
            job["progress"] = report or job["progress"]


def text(progress: dict[str, Any] | None) -> str | None:
    """Return a report in words: ``3 of 10, reading pages``."""
    if not progress:
        return None
    total = "" if progress["total"] is None else f" of {progress['total']:g}"
    message = f", {progress['message']}" if progress["message"] else ""
    return f"{progress['done']:g}{total}{message}"
