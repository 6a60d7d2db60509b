"""The progress of running jobs: from the supervisor, else from the last note in the database.

And what the supervisor alone knows: the process, and its wait for the database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from zcasync.text import span

#: The supervisor answers at once or not at all, and a detail is not worth waiting for.
ASK_SECONDS = 1.0


def live(status: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return what a supervisor's status knows of running jobs: id -> pid, progress, wait."""
    if status is None:
        return {}
    inside = [{"pid": status["pid"], **one} for one in status["reactor_jobs"]]
    said = [*status["children"], *inside]
    return {one["job"]: one for one in said if one["job"]}


def add(jobs: list[dict[str, Any]], supervisor: Any) -> None:
    """Add ``process``, ``wait``, ``limits``, ``reserved`` to jobs, to active ones a report.

    ``supervisor``: a SupervisorProbe.  ``process`` is None for a job that is only claimed, and
    where no supervisor answers, ``wait`` while its process does not wait for the database,
    ``limits`` while that makes no call that has time limits.  A reserved job is claimed, and its
    call has not begun; of a worker elsewhere the first job of each list is believed to be at work.
    """
    known = live(supervisor.status)
    here = None if supervisor.status is None else str(supervisor.worker)
    for job in jobs:
        found = known.get(job["id"].rpartition(":")[2], {})
        job["process"], job["wait"], job["limits"] = None, found.get("wait"), found.get("limits")
        if job.get("state") == "active":
            job["process"] = found.get("pid")
            job["progress"] = found.get("progress") or job["progress"]
        job["reserved"] = _is_reserved(job, here)


def _is_reserved(job: dict[str, Any], here: str | None) -> bool:
    if job.get("state") != "active" or job["started"] or job["process"] or job["waits_for"]:
        return False
    ahead = job.get("ahead")
    return ahead is not None and (ahead > 0 or job["worker"] == here)


def wait_text(wait: dict[str, Any] | None) -> str | None:
    """Return a wait in words: ``the database since 03:04:05 UTC (3 tries): why``."""
    if not wait:
        return None
    since = datetime.fromisoformat(wait["since"]).astimezone(UTC)
    tries = "1 try" if wait["tries"] == 1 else f"{wait['tries']:,} tries"
    return f"the database since {since:%Y-%m-%d %H:%M:%S} UTC ({tries}): {wait['problem']}"


def limits_text(limits: dict[str, Any] | None) -> str | None:
    """Return the limits of a call that is made in words: ``hard_limit 5 s, 3 s left``."""
    if not limits:
        return None
    steps = []
    for name in ("soft", "hard"):
        if limits[name] is not None:
            left = limits[name] - limits["elapsed"]
            rest = f"{span(left)} left" if left > 0 else "has passed"
            steps.append(f"{name}_limit {span(limits[name])}, {rest}")
    return "; ".join(steps)


def job_limits_text(job: dict[str, Any]) -> str | None:
    """Return how long an attempt at a job may take, and how much of it is left, in words.

    While the call is made that is told by its process, with the limits of its worker; else what the
    put has said is known.
    """
    names = ("soft_limit", "hard_limit")
    given = [(name, job[f"{name}_seconds"]) for name in names]
    stored = ", ".join(f"{name} {span(value)}" for name, value in given if value is not None)
    return limits_text(job.get("limits")) or stored or None


def text(progress: dict[str, Any] | None, is_over: bool = False) -> str | None:
    """Return a report in words: ``3 of 10, reading pages``; of a job that is over its end."""
    if not progress:
        return None
    if is_over:
        is_short = progress["total"] is not None and progress["done"] < progress["total"]
        return f"ended {'short ' if is_short else ''}at {text(progress)}"
    total = "" if progress["total"] is None else f" of {progress['total']:g}"
    message = f", {progress['message']}" if progress["message"] else ""
    return f"{progress['done']:g}{total}{message}"
