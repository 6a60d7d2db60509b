"""``zcasync schedules``: all schedules, with their next ticks and what became of the last ones."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.options import common_options, examples


@click.command(
    "schedules",
    short_help="List the schedules.",
    epilog=examples("zcasync schedules", "zcasync schedules --json"),
)
@common_options
def command(home: str | None, timeout: float, as_json: bool) -> None:
    """List the schedules, which put calls by themselves: when, and how the last run has ended.

    STATE is unusable where one cannot tick on this machine, damaged where its record cannot be
    loaded, and over where no tick is left; zcasync schedule NAME says why.
    """
    from zcasync.cli.output import print_json, print_line, print_table
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.reports.schedules import listed

    with reading(Home.find(home), timeout) as session:
        found = session.do(lambda _, manager: [] if manager is None else list(listed(manager)))
    if as_json:
        print_json({"schedules": found})
    elif not found:
        print_line("no schedules")
    else:
        columns = ["NAME", "WHEN", "ZONE", "NEXT", "LAST RUN", "STATE"]
        print_table(columns, map(_row, found), fold=("NAME", "LAST RUN"))


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    from zcasync.cli.output import ago

    last = next((f"{ago(run['tick'])}: {outcome(run)}" for run in one["runs"]), "")
    if one["skipped"]:
        last = f"{last}; {one['skipped']:,} skipped since"
    following = ago(one["next"][0]) if one["next"] else None
    return one["name"], when(one), one["zone"], following, last, one["state"]


def when(one: dict[str, Any]) -> str | None:
    """Return when a schedule ticks: its cron expression, or ``every 5 min``."""
    from zcasync.text import span

    seconds = one["every_seconds"]
    return one["cron"] if seconds is None else f"every {span(seconds)}"


def outcome(run: dict[str, Any]) -> str:
    """Return what became of a run: its state, or in a few words how it has failed."""
    return run["ending"] or run["state"] or "kept no longer"
