"""``status --check``: one line and the exit code of a monitoring plugin, as Nagios takes them.

Its codes are 0 OK, 1 WARNING, 2 CRITICAL and 3 UNKNOWN; behind the bar of the line are the figures
that monitoring draws.
"""

from __future__ import annotations

from typing import Any

from zcasync.cli.ending import Ending
from zcasync.reports.health import (
    Limits,
    due_in_all,
    oldest_due,
    troubles,
    working,
)
from zcasync.reports.trouble import Level, Trouble

#: Behind it are the figures, so it may not stand in the text.
BAR = "|"


def check(document: dict[str, Any], limits: Limits, problem: str | None) -> tuple[int, str]:
    """Judge a status document, to which the judgement is added; return the code and the line.

    ``problem``: why the database does not answer; None: it does.
    """
    found = _troubles(document, limits, problem)
    level = max((one.level for one in found), default=Level.OK)
    document["check"] = {"level": level.name, "troubles": [one.as_dict() for one in found]}
    said = "; ".join(f"{one.text} ({one.remedy})" for one in found) or _well(document)
    if found:
        text = "; ".join(one.text for one in found)
        document |= Ending(level, "CheckFailed", text, found[0].remedy).as_dict()
    return level, line(level, said, [] if problem else _figures(document, limits))


def line(level: Level, said: str, figures: list[str]) -> str:
    """Return the line of a plugin."""
    text = f"ZCASYNC {level.name} - {' '.join(said.split()).replace(BAR, '/')}"
    return f"{text} {BAR} {' '.join(figures)}" if figures else text


def _troubles(document: dict[str, Any], limits: Limits, problem: str | None) -> list[Trouble]:
    if problem is None:
        return troubles(document, limits)
    waiting = document["supervisor"]["waiting_for"]
    text = f"{problem}; the supervisor waits for: {waiting}" if waiting else problem
    return [Trouble(Level.CRITICAL, "database", text, "zcasync status")]


def _well(document: dict[str, Any]) -> str:
    count, due = len(working(document)), due_in_all(document)
    workers = "1 worker runs" if count == 1 else f"{count} workers run"
    jobs = {0: "no job is due", 1: "1 job is due"}.get(due, f"{due:,} jobs are due")
    return f"{workers}, {jobs}"


def _figures(document: dict[str, Any], limits: Limits) -> list[str]:
    """Return the figures as plugins write them: name=value, unit, limits of warning and critical.

    What is not known is left out.
    """
    queues, workers = document["queues"].values(), document["workers"]
    held = sum(queue["held"] for queue in queues)
    claimed = sum(one[name]["len"] for one in workers for name in ("thread", "reactor"))
    ghosts = [one for one in document["check"]["troubles"] if one["name"] == "ghost"]
    oldest, failed = oldest_due(document), document["failed_in_the_last_hour"]
    return [
        f"due={due_in_all(document)}",
        f"held={held}",
        f"claimed={claimed}",
        f"workers={len(working(document))}",
        f"ghosts={len(ghosts)};;0",
        f"oldest_due={oldest or 0:.0f}s;;{limits.due_seconds:.0f}",
        *([] if failed is None else [f"failed={failed};{limits.failed}"]),
        *_space(document.get("database")),
    ]


def _space(found: dict[str, Any] | None) -> list[str]:
    if found is None or found["free"] is None:
        return []
    return [f"size={found['size']}B", f"free={found['free']}B"]
