"""The picture of ``top``: what the feed has found, as lines that fit a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zcasync.cli import sections
from zcasync.cli.output import ago, encodable, table_lines
from zcasync.cli.sections import Section
from zcasync.cli.table import cropped
from zcasync.reports.events import outcome
from zcasync.reports.remarks import call_text, remark, state_text
from zcasync.text import printable, span

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {"WARNING": "yellow", "CRITICAL": "red"}
#: Above the rows of a table there are an empty line, its names, and a rule.
TABLE_LINES = 3
#: So many workers are shown, and so many lines are kept for jobs that ended.
MOST_WORKERS, ENDED_LINES = 5, 8
#: The rows of a picture that need not fit.
ROWS = 10


def draw(picture: dict[str, Any] | None, width: int, height: int | None) -> RenderableType:
    """Return a picture for a terminal of so many columns and lines; ``height`` None: of any."""
    from rich.console import Group
    from rich.text import Text

    if picture is None:
        return Text("looking ...")
    head = [
        Text(encodable(cropped(printable(text), width)), style, no_wrap=True, overflow="crop")
        for text, style in _head(picture)
    ]
    parts: list[RenderableType] = [*head]
    for columns, rows in _sections(picture, width, height, len(head)):
        if rows:
            lines = table_lines(columns, rows, width, crop=("CALL", "REMARK"), colour=True)
            parts.append(Text())
            for line in lines:
                parts.append(Text.from_ansi(line, no_wrap=True, overflow="crop"))
    return Group(*parts)


def _sections(picture: dict[str, Any], width: int, height: int | None, used: int) -> list[Section]:
    """Return the tables of a picture, as much of each as fits below the ``used`` lines."""
    tables: list[Section] = []
    if picture["queues"] is not None:
        tables.append(sections.queues(picture))
    if picture["workers"]:
        workers = picture["workers"][:MOST_WORKERS]
        tables.append(sections.workers(workers, sections.names_of(workers, width)))
    used += sum(TABLE_LINES + len(rows) for _, rows in tables)
    left = 2 * (TABLE_LINES + ROWS) if height is None else height - used
    active, ended = _active(picture), _ended(picture)
    kept = TABLE_LINES + min(ENDED_LINES, len(ended[1]))
    active = _cut(active, left - kept - TABLE_LINES)
    above = TABLE_LINES + len(active[1]) if active[1] else 0
    return [*tables, active, _cut(ended, left - above - TABLE_LINES)]


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


def _active(picture: dict[str, Any]) -> Section:
    """Return the jobs at work, and behind them those that are only reserved."""
    jobs = sorted(picture["active"], key=lambda one: bool(one["reserved"]))
    rows: list[tuple[object, ...]] = [
        (one["id"], state_text(one), call_text(one), one["process"], remark(one)) for one in jobs
    ]
    return ("JOB", "STATE", "CALL", "PROCESS", "REMARK"), rows


def _ended(picture: dict[str, Any]) -> Section:
    rows: list[tuple[object, ...]] = [
        (
            one["id"],
            outcome(one["failure"]),
            call_text(one),
            ago(one["ended"]),
            _took(one),
            remark(one),
        )
        for one in picture["ended"]
        if one.get("state")
    ]
    return ("JOB", "STATE", "CALL", "ENDED", "TOOK", "REMARK"), rows


def _took(one: dict[str, Any]) -> str | None:
    if not one["started"] or not one["ended"]:
        return None
    took = datetime.fromisoformat(one["ended"]) - datetime.fromisoformat(one["started"])
    return span(took.total_seconds())
