"""``zcasync job`` and ``zcasync jobs``: one partial in full, and a listing."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli import attempts, progress
from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples

STATES = ("pending", "active", "callbacks", "completed")


@click.command(
    short_help="Show one job.",
    epilog=examples(
        "zcasync job $(zcasync put operator.add --arg 1 --arg 2)",
        "zcasync job --json $(zcasync put time.time)",
    ),
)
@click.argument("job_id", metavar="ID")
@common_options
def job(job_id: str, home: str | None, timeout: float, as_json: bool) -> None:
    """Show one job: its call, its state, its result or traceback, its history.

    ID is what zcasync put printed, such as 0x1a2b.  Exit code 1 when there is no such job.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.job.ids import parse

    try:
        name, oid = parse(job_id)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    with reading(Home.find(home), timeout) as session:
        found = session.do(lambda connection, manager: _look_up(connection, manager, name, oid))
    if found is None:
        text = f"there is no job {job_id} in the database of {Home.find(home).path}"
        raise Refusal(text, remedy="list those that there are: zcasync jobs")
    progress.add([found], Home.find(home))
    if as_json:
        print_json(found)
    else:
        _print_job(found)


def _look_up(connection: Any, manager: Any, name: str, oid: bytes) -> dict[str, Any] | None:
    """Return the partial with this oid as data; None: there is none.

    An id without a database's name may have been copied from a log: it is searched for in the
    database of the data manager last.
    """
    from ZODB.POSException import POSKeyError

    from zcasync.reports.job import describe, looks_like_job

    if connection is None:
        return None
    names = [name] if name else ["", connection.db().database_name]
    for one in names:
        if one and one not in connection.db().databases:
            continue
        here = connection.get_connection(one) if one else _main(connection)
        try:
            obj = here.get(oid)
        except POSKeyError:
            continue
        if looks_like_job(obj):
            return describe(obj)
    return None


def _main(connection: Any) -> Any:
    """Return the connection of the main database."""
    from zcasync.instance.settings import ASYNC_DATABASE

    names = [one for one in connection.db().databases if one != ASYNC_DATABASE]
    return connection.get_connection(names[0]) if names else connection


def _print_job(found: dict[str, Any]) -> None:
    from zcasync.cli.output import print_facts, print_line

    print_facts([*_call_facts(found), *_course_facts(found)])
    attempts.print_attempts(found)
    failure = found["failure"] or (found["last_failure"] if not found["ended"] else None)
    if failure is not None:
        _print_failure(failure)
    if found["callbacks"]:
        print_line("Callbacks")
        _print_callbacks(found["callbacks"], 1)


def _call_facts(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what the call is, and where and when it may run."""
    from zcasync.cli.output import at
    from zcasync.text import cut

    by = found["begin_by_seconds"]
    return [
        ("Job", found["id"]),
        ("State", found["state"] or "unknown"),
        ("Problem", found["problem"]),
        ("Call", found["callable"]),
        *(("Argument", cut(one)) for one in found["args"]),
        *(("Argument", f"{name} = {cut(value)}") for name, value in found["kwargs"].items()),
        ("Queue", found["queue"]),
        ("Callback of", found["callback_of"]),
        ("Begin after", at(found["begin_after"])),
        ("Begin by", None if by is None else f"{by:g} s later"),
        ("Selected", ", ".join(found["selected"]) or None),
        ("Excluded", ", ".join(found["excluded"]) or None),
    ]


def _course_facts(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return who runs it, what has become of it, and how often it was attempted."""
    from zcasync.cli.output import at
    from zcasync.text import cut

    failure = found["failure"]
    return [
        ("Worker", found["worker"]),
        ("Engine", found["engine"]),
        ("At work in", found.get("process") and f"process {found['process']}"),
        ("Begun", at(found["started"])),
        ("Ended", at(found["ended"])),
        ("Took", _took(found)),
        ("Attempts", found["attempts"] or None),
        ("Conflicts", found["counts"]["conflicts"] or None),
        ("Interrupted", found["interruptions"] or None),
        ("Exceptions", found["counts"]["exceptions"] or None),
        ("Retry policy", found["retry"]),
        ("Waits for", found["waits_for"]),
        ("Progress", progress.text(found["progress"])),
        ("Result", _result(found)),
        ("Failure", failure and cut(f"{_short(failure['type'])}: {failure['message']}")),
    ]


def _took(found: dict[str, Any]) -> str | None:
    from datetime import datetime

    from zcasync.text import span

    if not found["started"] or not found["ended"]:
        return None
    took = datetime.fromisoformat(found["ended"]) - datetime.fromisoformat(found["started"])
    return span(took.total_seconds())


def _result(found: dict[str, Any]) -> str | None:
    from zcasync.text import cut

    if found["result_repr"] is None or found["failure"] is not None:
        return None
    return cut(found["result_repr"])


def _print_failure(failure: dict[str, Any]) -> None:
    from zcasync.cli.output import print_line, print_lines
    from zcasync.text import cut

    for name, value in failure["evidence"].items():
        if name == "output":  # it is part of the traceback
            continue
        if isinstance(value, list):
            print_line(f"  {name}:")
            for line in value:
                print_line(f"    {cut(str(line))}")
        elif value is not None:
            print_line(f"  {name}: {cut(str(value))}")
    print_lines(failure["traceback"], "  ")


def _print_callbacks(callbacks: list[dict[str, Any]], depth: int) -> None:
    from zcasync.cli.output import print_line

    for one in callbacks:
        failed = f", failed with {_short(one['failure'])}" if one["failure"] else ""
        print_line(f"{'  ' * depth}{one['id']}  {one['callable']}  {one['state']}{failed}")
        _print_callbacks(one["callbacks"], depth + 1)


@click.command(
    short_help="List jobs.",
    epilog=examples(
        "zcasync jobs",
        "zcasync jobs --state completed --limit 5",
        "zcasync jobs --queue thread --json",
    ),
)
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--queue", type=click.Choice(["thread", "reactor"]), help="Only these.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Show so many at most.",
)
@common_options
def jobs(
    state: str | None,
    queue: str | None,
    limit: int,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """List jobs: what is claimed, what waits (next to run first), what ended (newest first).

    A job that waits for another job is held by no worker and not listed; zcasync job shows it.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.reports.job import describe, summary
    from zcasync.reports.listing import listing

    form = describe if as_json else summary

    def look(connection: Any, manager: Any) -> list[dict[str, Any]]:
        return listing(manager, state, queue, limit, form)

    with reading(Home.find(home), timeout) as session:
        found = session.do(look)
    progress.add([one for one in found if one.get("state")], Home.find(home))
    if as_json:
        print_json({"jobs": found})
    else:
        _print_jobs(found, limit)


def _print_jobs(found: list[dict[str, Any]], limit: int) -> None:
    from zcasync.cli.output import print_line, print_table

    if not found:
        print_line("no jobs")
        return
    columns = ("ID", "STATE", "QUEUE", "CALL", "WHEN", "REMARK")
    print_table(columns, [_row(one) for one in found], fold=("CALL", "REMARK"))
    if len(found) == limit:
        print_line(f"The first {limit}; --limit shows more.")


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    from zcasync.cli.output import ago
    from zcasync.text import cut

    state = one.get("state")
    if state == "pending":
        when = f"due {ago(one['begin_after'])}"
    elif state == "active":
        claimed = "at work" if one.get("process") else "claimed"
        when = f"begun {ago(one['started'])}" if one["started"] else claimed
    elif state is None:
        when = None
    else:
        when = f"ended {ago(one['ended'])}" if one["ended"] else "ended"
    remark = one["problem"] or (one.get("failure") and f"failed: {_short(one['failure'])}")
    remark = remark or progress.text(one.get("progress")) or attempts.remark(one)
    return one["id"], state, one.get("queue"), one.get("callable"), when, cut(remark or "")


def _short(kind: str) -> str:
    """Return the name of an exception without its module, as people know it."""
    return kind.removeprefix("builtins.")
