"""Health: the troubles of a home and its database, the worst first, and the figures behind them.

Monitoring asks every minute, so this costs no more with a long queue than with a short one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import Any

from zcasync import clock
from zcasync.interfaces import COMPLETED
from zcasync.liveness.verdict import STALE, Verdict
from zcasync.reports.health_of_space import troubles_of_space
from zcasync.reports.job import release
from zcasync.reports.selection import Selection
from zcasync.reports.trouble import Level, Trouble
from zcasync.reports.walk import walk

HOUR_SECONDS = 3600
#: No more failures than these are counted, or than the limit and one.
MOST_FAILED = 200
#: The states of children that make calls, or could.
ABLE = ("idle", "busy")


@dataclass(frozen=True)
class Limits:
    """The limits of what is in order.

    ``due_seconds``: a job may be due for so long; ``failed``: so many jobs may fail within an hour,
    None: any number.
    """

    due_seconds: float
    failed: int | None = None


def figures(manager: Any, limits: Limits) -> dict[str, Any]:
    """Return the figures that ``status`` has only when they are asked for: failures of an hour.

    None where no limit is set, because they have to be counted job by job.
    """
    failed = limits.failed
    if failed is not None:
        failed = _failed_of_an_hour(manager, _most(failed))
    return {"failed_in_the_last_hour": failed}


def _most(limit: int) -> int:
    """Return how many failures are counted where so many may be."""
    return max(MOST_FAILED, limit + 1)


def _failed_of_an_hour(manager: Any, most: int) -> int:
    """Return how many jobs have failed within the last hour, cancelled ones aside."""
    if manager is None:
        return 0
    since, count = clock.now() - int(HOUR_SECONDS * 1e6), 0
    failed = Selection(state=COMPLETED, failed=True, since=since)
    for partial in islice(walk(manager, failed), most):
        release(partial)
        count += 1
    return count


def oldest_due(document: dict[str, Any]) -> float | None:
    """Return how long the job that is due for longest waits, seconds; None: none is due."""
    queues = (document["queues"] or {}).values()
    return max((one["oldest_due"]["seconds"] for one in queues if one["oldest_due"]), default=None)


def troubles(document: dict[str, Any], limits: Limits) -> list[Trouble]:
    """Return what is wrong, the worst first.

    ``document``: that of ``status``, of all workers, with the ``figures``.
    """
    found = [*_of_workers(document), *_of_supervisor(document), *_of_jobs(document, limits)]
    found += troubles_of_space(document)
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
    reload = supervisor.get("reload")
    if reload and reload["problem"]:
        text = f"the last reload failed, the old children go on: {reload['problem']}"
        found.append(Trouble(Level.WARNING, "reload", text, "zcasync reload"))
    return found


def _of_jobs(document: dict[str, Any], limits: Limits) -> list[Trouble]:
    oldest, failed = oldest_due(document), document["failed_in_the_last_hour"]
    found = []
    if oldest is not None and oldest > limits.due_seconds:
        text = f"a job is due for {oldest:.0f} s (limit {limits.due_seconds:g} s)"
        found.append(Trouble(Level.CRITICAL, "late", text, "zcasync jobs --state pending"))
    if failed is not None and limits.failed is not None and failed > limits.failed:
        jobs = "1 job" if failed == 1 else f"{failed:,} jobs"
        more = " or more" if failed == _most(limits.failed) else ""
        text = f"{jobs}{more} failed in the last hour (limit {limits.failed:,})"
        found.append(Trouble(Level.WARNING, "failed", text, "zcasync jobs --failed --since 1h"))
    return found + _of_missing_code(document)


def _of_missing_code(document: dict[str, Any]) -> list[Trouble]:
    queues = (document["queues"] or {}).values()
    names = [one["name"] for queue in queues for one in queue["missing"]]
    count = sum(queue["set_aside"] for queue in queues)
    if not count:
        return []
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    text = f"{_jobs(count)} set aside: no worker has {names[0]}{more}"
    return [Trouble(Level.WARNING, "set-aside", text, "zcasync jobs --state pending")]


def due_in_all(document: dict[str, Any]) -> int:
    """Return the number of due jobs."""
    return sum(queue["due"] for queue in (document["queues"] or {}).values())


def working(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the workers that claim jobs, as far as can be known from here."""
    verdicts = (Verdict.RUNNING, Verdict.SILENT)
    return [one for one in document["workers"] or () if one["verdict"] in verdicts]


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count:,} jobs are"
