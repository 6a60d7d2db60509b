"""``zcasync conflicts``: the objects that jobs are repeated for, those that cost most first."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.options import common_options, examples, limit_option


@click.command(
    "conflicts",
    short_help="Objects that cost retries.",
    epilog=examples("zcasync conflicts", "zcasync conflicts --limit 5 --json"),
)
@limit_option
@common_options
def command(limit: int, home: str | None, timeout: float, as_json: bool) -> None:
    """List the objects on which jobs have conflicted and were attempted again, today or yesterday.

    All workers are added up, in UTC days.  Each keeps the hundred objects with most retries of a
    day, and writes them at most every ten seconds, so the newest ones may be missing; a child that
    is killed takes those of its running job along.  CALLABLES are those that an object has cost
    most, each with its number.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.reports.conflicts import conflicts

    with reading(Home.find(home), timeout) as session:
        found = session.do(lambda connection, manager: conflicts(manager, limit))
    if as_json:
        print_json(found)
    else:
        _print(found, limit)


def _print(found: dict[str, Any], limit: int) -> None:
    from zcasync.cli.output import ago, print_line, print_table

    rows = [_row(one, ago(one["last"])) for one in found["conflicts"]]
    if not rows:
        print_line(f"no conflicts since {found['since']}")
        return
    columns = ("RETRIES", "CLASS", "OID", "LAST", "CALLABLES")
    print_table(columns, rows, fold=("CLASS", "CALLABLES"))
    if len(rows) == limit:
        print_line(f"The first {limit}; --limit shows more.")


def _row(one: dict[str, Any], last: str | None) -> tuple[Any, ...]:
    calls = ", ".join(f"{call['call']} {call['retries']}" for call in one["callables"])
    return one["retries"], one["class"], one["oid"], last, calls
