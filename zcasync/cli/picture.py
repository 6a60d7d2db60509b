"""The picture of ``top``: what the feed has found, as lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zcasync.cli import attempts, progress
from zcasync.cli.output import ago, table
from zcasync.reports.events import outcome
from zcasync.text import printable, span

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {"WARNING": "yellow", "CRITICAL": "red"}
#: Above the rows of a table there are its names, a rule, and an empty line.
TABLE_LINES = 3
#: So many workers are shown, and so many lines are kept for jobs that ended.
MOST_WORKERS, ENDED_LINES = 5, 8
#: The rows of a picture that need not fit.
ROWS = 10


def draw(picture: dict[str, Any] | None, height: int | None) -> RenderableType:
    """Return a picture for a terminal of so many lines; ``height`` None: of any."""
    from rich.console import Group
    from rich.text import Text

    if picture is None:
        return Text("looking ...")
    head = [Text(printable(text), style, no_wrap=True, overflow="ellipsis")
            for text, style in _head(picture)]  # fmt: skip
    parts: list[RenderableType] = [*head]
    tables = [_queues(picture), _workers(picture)] if picture["workers"] is not None else []
    used = len(head) + sum(TABLE_LINES + len(rows) for _, rows in tables)
    left = 2 * (TABLE_LINES + ROWS) if height is None else height - used
    active, ended = _active(picture), _ended(picture)
    kept = TABLE_LINES + min(ENDED_LINES, len(ended[1]))
    active = _cut(active, left - kept - TABLE_LINES)
    above = TABLE_LINES + len(active[1]) if active[1] else 0
    tables += [active, _cut(ended, left - above - TABLE_LINES)]
    for columns, rows in tables:
        if rows:
            parts += [Text(), table(columns, rows, shrink=("CALL", "PROGRESS"))]
    return Group(*parts)


Rows = list[tuple[object, ...]]
Section = tuple[Sequence[str], Rows]


def _cut(section: Section, count: int) -> Section:
    return section[0], section[1][: max(0, count)]


def _head(picture: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the lines at the top, each with its style."""
    supervisor = picture["supervisor"]
    wakeup = {"push": ", hears of new jobs at once", "poll": ", polls for new jobs"}
    runs = f"supervisor: process {supervisor['pid']}{wakeup.get(picture['wakeup'], '')}"
    now = datetime.now(UTC).strftime("%H:%M:%S UTC")
    troubles = [
        (f"{one['level']}: {one['text']} ({one['remedy']})", STYLES[one["level"]])
        for one in picture["troubles"]
    ]
    return [
        (f"zcasync top  {now}  {picture['home']}  (q: quit)", "bold"),
        (runs if supervisor["running"] else "supervisor: does not run", ""),
        *(troubles or [("All is well.", "green")]),
    ]


def _queues(picture: dict[str, Any]) -> Section:
    rows: Rows = []
    for name, queue in (picture["queues"] or {}).items():
        claimed = sum(worker[name]["len"] or 0 for worker in picture["workers"])
        rows.append((name, queue["due"], queue["held"], claimed))
    return ("QUEUE", "DUE", "HELD", "CLAIMED"), rows


def _workers(picture: dict[str, Any]) -> Section:
    rows: Rows = [
        (
            one["uuid"],
            one["verdict"],
            *(f"{one[name]['len']}/{one[name]['size']}" for name in ("thread", "reactor")),
            one["completed"],
        )
        for one in picture["workers"][:MOST_WORKERS]
    ]
    return ("WORKER", "ENGINE", "THREAD", "REACTOR", "COMPLETED"), rows


def _active(picture: dict[str, Any]) -> Section:
    """Return the jobs at work, and behind them those that are only claimed."""
    jobs = [one for one in picture["active"] if one.get("state")]
    jobs.sort(key=lambda one: one["process"] is None)
    rows: Rows = [
        (
            one["id"],
            "active" if one["process"] or one["started"] else "claimed",
            one["callable"],
            one["process"],
            progress.text(one["progress"]) or attempts.remark(one),
        )
        for one in jobs
    ]
    return ("JOB", "STATE", "CALL", "PROCESS", "PROGRESS"), rows


def _ended(picture: dict[str, Any]) -> Section:
    rows: Rows = [
        (one["id"], outcome(one["failure"]), one["callable"], ago(one["ended"]), _took(one))
        for one in picture["ended"]
        if one.get("state")
    ]
    return ("JOB", "STATE", "CALL", "ENDED", "TOOK"), rows


def _took(one: dict[str, Any]) -> str | None:
    if not one["started"] or not one["ended"]:
        return None
    took = datetime.fromisoformat(one["ended"]) - datetime.fromisoformat(one["started"])
    return span(took.total_seconds())
