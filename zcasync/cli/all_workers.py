"""``zcasync status --all``: the workers of a database, on whatever hosts, as a table."""

from __future__ import annotations

import sys
from typing import Any

from zcasync.cli.output import (
    has_colour,
    print_facts,
    print_json,
    print_line,
    table_lines,
    width,
)
from zcasync.cli.sections import names_of
from zcasync.cli.session import reading
from zcasync.instance.home import Home
from zcasync.reports.all_workers import all_workers
from zcasync.text import ago, span

COLUMNS = ("WORKER", "HOST", "ENGINE", "VERSION", "CHILDREN", "LAST SIGN", "LIMIT", "CLOCK")
#: Clocks that differ by no more, seconds, count as the same.
TOLERANCE_SECONDS = 1.0
#: Of the others nothing is wrong as far as one look can tell.
WRONG = ("ghost", "dead", "usurped")


def show(place: Home, timeout: float, limit: int, as_json: bool) -> int:
    """Print all workers of the home's database; asks no supervisor.  Returns the exit code."""
    with reading(place, timeout) as session:
        found = session.do(lambda connection, manager: all_workers(manager, limit))
    if as_json:
        print_json({"home": str(place.path), **found})
        return 0
    if not found["workers"]:
        print_line("No supervisor has worked for this database yet.")
        return 0
    _print(found)
    return 0


def _print(found: dict[str, Any]) -> None:
    workers = found["workers"]
    names = names_of(workers, width())
    rows = [_row(names[one["uuid"]], one) for one in workers]
    for line in table_lines(COLUMNS, rows, width(), crop=("HOST",), colour=has_colour(sys.stdout)):
        print(line)
    if len(workers) < found["workers_in_all"]:
        print_line(f"{len(workers)} of {found['workers_in_all']:,} workers; --limit shows more.")
    told = [one for one in workers if one["verdict"] in WRONG or one["overdue"]]
    if told:
        print_line()
        print_facts(
            (names[one["uuid"]], f"{one['verdict']}: {one['reason']}; {_home(one)}.")
            for one in told
        )


def _row(name: str, worker: dict[str, Any]) -> tuple[object, ...]:
    limit = worker["silence_limit"]
    return (
        name,
        worker["host"],
        worker["verdict"],
        (worker["versions"] or {}).get("zcasync"),
        worker["thread"]["size"],
        ago(worker["wrote"] or worker["last_ping"]),
        None if limit is None else span(limit),
        _clock(worker["clock_seconds"]),
    )


def _clock(seconds: float | None) -> str | None:
    """Return how far a clock is from the database's, for people."""
    if seconds is None:
        return None
    if abs(seconds) <= TOLERANCE_SECONDS:
        return "right"
    return f"{span(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def _home(worker: dict[str, Any]) -> str:
    return "its home is not known" if worker["home"] is None else f"its home is {worker['home']}"
