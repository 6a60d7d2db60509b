"""Worker events: engines that begin, stop, or are lost, as the verdicts on them change."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from zcasync import clock
from zcasync.liveness.verdict import STALE, Verdict
from zcasync.reports.events import Event

#: The reason of an engine that has ended by itself.
STOPPED = "stopped"


class Engines:
    """Follows the engines of workers; the first look tells nothing."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str | None, str]] | None = None  # worker -> engine, verdict

    def look(self, reports: list[dict[str, Any]], manager: Any) -> list[Event]:
        """Return what has changed; ``reports``: those of ``status``, ``manager`` None: away."""
        before, now = self._seen, {one["uuid"]: (one["engine"], one["verdict"]) for one in reports}
        self._seen = {**(before or {}), **now}
        if before is None:
            return []
        events = []
        for one in reports:
            old = before.get(one["uuid"], (None, Verdict.STOPPED))
            for name, reason in _changes(old, one, manager):
                worker = one["uuid"]
                events.append(Event(name, clock.now(), None, None, worker, reason))
        return events


def _changes(
    old: tuple[str | None, str], one: dict[str, Any], manager: Any
) -> Iterator[tuple[str, str | None]]:
    """Yield the events between two looks at a worker: their names and reasons."""
    engine, verdict = old
    is_another = one["engine"] != engine
    was_lost, is_lost = Verdict(verdict) in STALE, Verdict(one["verdict"]) in STALE
    if is_another and engine is not None and not was_lost and verdict != Verdict.STOPPED:
        reason = _end_reason(one, manager)
        yield ("worker-stopped", None) if reason in (None, STOPPED) else ("worker-lost", reason)
    if is_lost and (is_another or not was_lost):
        yield "worker-lost", one["reason"]
    elif is_another and one["engine"] is not None and not is_lost:
        yield "worker-started", one["reason"]


def _end_reason(one: dict[str, Any], manager: Any) -> str | None:
    """Return why the engine that a worker had last has ended; None where that is not known."""
    worker = None if manager is None else manager.workers.get(uuid.UUID(one["uuid"]))
    incarnation = None if worker is None else worker.incarnation
    return None if incarnation is None else incarnation.end_reason
