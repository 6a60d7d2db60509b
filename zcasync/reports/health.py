"""Health: the troubles of a home and its database, the worst first, and the figures behind them.

Monitoring asks every minute, so this costs no more with a long queue than with a short one.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any

from twisted.python.failure import Failure

from zcasync import clock
from zcasync.errors import JobCancelled
from zcasync.liveness.verdict import STALE, Verdict
from zcasync.reports.job import Fields, release
from zcasync.reports.listing import MOST_WORKERS, chosen, ended_at, waiting

HOUR_SECONDS = 3600
#: So many of the jobs that ended last are looked at for failures,
MOST_ENDED = 10_000
#: and so many of those that wait for one that is due.
MOST_WAITING = 1000
#: The states of children that make calls, or could.
ABLE = ("idle", "busy")


class Level(IntEnum):
    """The weight of a trouble; monitoring takes the number for the exit code of a plugin."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True)
class Limits:
    """The limits of what is in order.

    ``due_seconds``: a job may be due for so long; ``failed``: so many jobs may fail within an hour,
    None: any number.
    """

    due_seconds: float
    failed: int | None = None


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong.  ``name``: for programs; ``text``: for people; what to do."""

    level: Level
    name: str
    text: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """Return the trouble as ``status --check --json`` has it."""
        return {**self.__dict__, "level": self.level.name}


def figures(manager: Any, limits: Limits) -> dict[str, Any]:
    """Return what only the records tell: the age of the oldest due job, and failures of an hour.

    The failures are None where no limit is set, because they have to be counted job by job.
    """
    failed = None if limits.failed is None else _failed_of_an_hour(manager)
    return {"oldest_due_seconds": _oldest_due(manager), "failed_in_the_last_hour": failed}


def _oldest_due(manager: Any) -> float | None:
    """Return how long the job that is due for longest waits, seconds; None: none is due."""
    now, oldest = clock.now(), None
    for queue in () if manager is None else (manager.thread, manager.reactor):
        for partial in islice(waiting(queue), MOST_WAITING):
            fields = Fields(partial)
            due = fields["_due"] if fields.is_readable else None
            if due and due <= now:
                oldest = due if oldest is None else min(due, oldest)
                break  # those that follow were put later
    return None if oldest is None else (now - oldest) / 1e6


def _failed_of_an_hour(manager: Any) -> int:
    """Return how many of the last jobs have failed within the last hour, cancelled ones aside."""
    since, count = clock.now() - int(HOUR_SECONDS * 1e6), 0
    workers = [] if manager is None else chosen(manager, MOST_WORKERS)
    ended = heapq.merge(*(one.completed for one in workers), key=ended_at, reverse=True)
    for partial in islice(ended, MOST_ENDED):
        is_older, has_failed = ended_at(partial) < since, _has_failed(partial)
        release(partial)
        if is_older:
            break
        count += has_failed
    return count


def _has_failed(partial: Any) -> bool:
    fields = Fields(partial)
    result = fields["_result"] if fields.is_readable else None
    return isinstance(result, Failure) and result.check(JobCancelled) is None


def troubles(document: dict[str, Any], limits: Limits) -> list[Trouble]:
    """Return what is wrong, the worst first.

    ``document``: that of ``status``, of all workers, with the ``figures``.
    """
    found = [*_of_workers(document), *_of_supervisor(document), *_of_jobs(document, limits)]
    return sorted(found, key=lambda one: -one.level)


def _of_workers(document: dict[str, Any]) -> list[Trouble]:
    found = []
    for one in document["workers"] or ():
        text = f"worker {one['uuid']} is {one['verdict']}: {one['reason']}"
        if one["verdict"] in STALE:
            text = text.replace(f" is {Verdict.GHOST}:", " is a ghost:")
            found.append(Trouble(Level.CRITICAL, "ghost", text, "zcasync ghosts"))
        elif one["verdict"] == Verdict.USURPED:
            found.append(Trouble(Level.WARNING, "usurped", text, "zcasync status"))
        elif one["overdue"]:
            text = f"worker {one['uuid']} is overdue: {one['reason']}"
            found.append(Trouble(Level.WARNING, "overdue", text, "zcasync ghosts --watch 60"))
    if not working(document):
        due = due_in_all(document)
        text = "no worker runs" + (f" while {_jobs(due)} due" if due else "")
        level = Level.CRITICAL if due else Level.WARNING
        remedy = f"zcasync run --home {document['home']}"
        found.append(Trouble(level, "no-worker", text, remedy))
    return found


def _of_supervisor(document: dict[str, Any]) -> list[Trouble]:
    supervisor, found = document["supervisor"], []
    if supervisor["waiting_for"]:
        text = f"the supervisor waits for: {supervisor['waiting_for']}"
        found.append(Trouble(Level.CRITICAL, "waiting", text, "zcasync status"))
    if supervisor["boot"] is not None:
        own = [one for one in document["workers"] or () if one["is_here"]]
        able = [child for one in own for child in one["children"] or () if child["state"] in ABLE]
        who = "not every child" if able else "no child"
        text = f"{who} can start: {supervisor['boot']['problem']}"
        level = Level.WARNING if able else Level.CRITICAL
        found.append(Trouble(level, "no-child", text, "zcasync status"))
    return found


def _of_jobs(document: dict[str, Any], limits: Limits) -> list[Trouble]:
    oldest, failed = document["oldest_due_seconds"], document["failed_in_the_last_hour"]
    found = []
    if oldest is not None and oldest > limits.due_seconds:
        text = f"a job is due for {oldest:.0f} s (limit {limits.due_seconds:g} s)"
        found.append(Trouble(Level.CRITICAL, "late", text, "zcasync jobs --state pending"))
    if failed is not None and limits.failed is not None and failed > limits.failed:
        jobs = "1 job" if failed == 1 else f"{failed:,} jobs"
        text = f"{jobs} failed in the last hour (limit {limits.failed:,})"
        found.append(Trouble(Level.WARNING, "failed", text, "zcasync jobs --state completed"))
    return found


def due_in_all(document: dict[str, Any]) -> int:
    """Return the number of due jobs."""
    return sum(queue["due"] for queue in (document["queues"] or {}).values())


def working(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the workers that claim jobs, as far as can be known from here."""
    verdicts = (Verdict.RUNNING, Verdict.SILENT)
    return [one for one in document["workers"] or () if one["verdict"] in verdicts]


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count:,} jobs are"
