"""Schedules as data, as ``schedules --json`` and ``schedule --json`` print them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zcasync.datamanager import DataManager
from zcasync.job.acts import as_dicts
from zcasync.job.loadable import why_unloadable
from zcasync.reports.job import summary
from zcasync.schedules.schedule import Schedule, ScheduleRun

#: One schedule is shown with so many of its next ticks.
NEXT_TICKS = 5
ACTIVE, PAUSED, OVER, DAMAGED, UNUSABLE = "active", "paused", "over", "damaged", "unusable"


def listed(manager: DataManager) -> Iterator[dict[str, Any]]:
    """Yield all schedules, in the order of their names, each with its next tick and last run."""
    for name in manager.schedules:
        found = manager.schedules.get(name)
        yield describe(manager, name, found, ticks=1, runs=1)


def describe(
    manager: DataManager,
    name: str,
    schedule: Any,
    ticks: int = NEXT_TICKS,
    runs: int | None = None,
) -> dict[str, Any]:
    """Return one schedule; ``runs``: so many of its last ones, None: all that are remembered."""
    problem = why_unloadable(schedule)
    if problem is not None or not isinstance(schedule, Schedule):
        return {**_nothing(), "name": name, "state": DAMAGED, "problem": problem or "it is none"}
    problem = schedule.why_unusable(manager.queue)
    following = [] if problem else schedule.next_ticks(ticks)
    return {
        "name": name,
        "state": UNUSABLE if problem else _state(schedule, bool(following)),
        "callable": None if problem else schedule.callable_name,
        "queue": schedule.queue,
        "cron": schedule.cron,
        "every_seconds": None if schedule.every is None else schedule.every.total_seconds(),
        "zone": schedule.zone,
        "catch_up": schedule.catch_up,
        "limit": schedule.limit,
        "overlap": schedule.overlap,
        "jitter_seconds": schedule.jitter.total_seconds(),
        "source": schedule.source,
        "next": [one.isoformat() for one in following],
        "last_tick": None if schedule.last_tick is None else schedule.last_tick.isoformat(),
        "skipped": schedule.skipped,
        "runs": [_run(one) for one in schedule.runs[:runs]],
        "problem": problem,
        "acts": as_dicts(schedule.acts),
    }


def _state(schedule: Schedule, has_ticks: bool) -> str:
    if schedule.is_paused:
        return PAUSED
    return ACTIVE if has_ticks else OVER


def _run(run: ScheduleRun) -> dict[str, Any]:
    job = {} if run.partial is None else summary(run.partial)
    return {
        "tick": run.tick.isoformat(),
        "id": run.id,
        "state": job.get("state"),
        "ending": job.get("ending"),
    }


def _nothing() -> dict[str, Any]:
    """Return the form of a schedule of which nothing can be read."""
    names = (
        "callable queue cron every_seconds zone catch_up limit overlap jitter_seconds source "
        "last_tick"
    )
    return {**dict.fromkeys(names.split()), "next": [], "runs": [], "skipped": 0, "acts": []}
