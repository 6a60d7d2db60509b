"""``zcasync job``: one partial in full."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli import attempts, transactions
from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples
from zcasync.cli.remedies import LIST_JOBS
from zcasync.reports import running


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
    from zcasync.reports.workers import SupervisorProbe

    try:
        name, oid = parse(job_id)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error
    supervisor = SupervisorProbe(Home.find(home), running.ASK_SECONDS)
    with reading(Home.find(home), timeout) as session:
        found = session.do(
            lambda connection, manager: _look_up(connection, manager, name, oid, supervisor)
        )
    if found is None:
        text = f"there is no job {job_id} in the database of {Home.find(home).path}"
        raise Refusal(text, remedy=LIST_JOBS)
    running.add([found], supervisor)
    if as_json:
        print_json(found)
    else:
        _print_job(found)


def _look_up(
    connection: Any, manager: Any, name: str, oid: bytes, supervisor: Any
) -> dict[str, Any] | None:
    """Return the partial with this oid as data; None: there is none.

    An id without a database's name may have been copied from a log: it is searched for in the
    database of the data manager last.
    """
    from ZODB.POSException import POSKeyError

    from zcasync.job.loadable import get
    from zcasync.partial import Partial
    from zcasync.reports.job import describe, looks_like_job
    from zcasync.reports.reasons import with_reason
    from zcasync.reports.transactions import committed

    if connection is None:
        return None
    names = [name] if name else ["", connection.db().database_name]
    for one in names:
        if one and one not in connection.db().databases:
            continue
        here = connection.get_connection(one) if one else _main(connection)
        try:
            obj = get(here, oid, Partial)
        except POSKeyError:
            continue
        if looks_like_job(obj):
            form = describe if manager is None else with_reason(manager, supervisor, describe)
            return {**form(obj), **committed(obj)}
    return None


def _main(connection: Any) -> Any:
    """Return the connection of the main database."""
    from zcasync.database.sync import main_database

    main = main_database(connection.db())
    return connection if main is None else connection.get_connection(main.database_name)


def _print_job(found: dict[str, Any]) -> None:
    from zcasync.cli.output import print_acts, print_facts, print_line

    print_facts([*_call_facts(found), *_course_facts(found)])
    attempts.print_attempts(found)
    transactions.print_transactions(found)
    failure = found["failure"] or (found["last_failure"] if not found["ended"] else None)
    if failure is not None:
        _print_failure(failure)
    print_acts(found["acts"])
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
        ("State", "reserved" if found["reserved"] else found["state"] or "unknown"),
        ("Why", found.get("reason") if not found["problem"] else None),
        ("Set aside", _aside(found["set_aside"])),
        ("Problem", found["problem"]),
        ("Call", found["call"] or found["callable"]),
        ("Function", _function(found)),
        *(("Argument", cut(one)) for one in found["args"]),
        *(("Argument", f"{name} = {cut(value)}") for name, value in found["kwargs"].items()),
        ("Queue", found["queue"]),
        ("Callback of", found["callback_of"]),
        ("Schedule", _schedule(found.get("scheduled"))),
        ("Begin after", at(found["begin_after"])),
        ("Begin by", None if by is None else f"{by:g} s later"),
        ("Selected", ", ".join(found["selected"]) or None),
        ("Excluded", ", ".join(found["excluded"]) or None),
    ]


def _schedule(found: dict[str, Any] | None) -> str | None:
    """Return the schedule that has put it, and for when."""
    from zcasync.cli.output import at

    return None if found is None else f"{found['name']}, {at(found['tick'])}"


def _context(found: dict[str, Any] | None) -> str | None:
    """Return what the put has remembered: ``user bob, site /shop``."""
    from zcasync.text import cut

    return cut(", ".join(f"{name} {value}" for name, value in (found or {}).items())) or None


def _course_facts(found: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return who runs it, what has become of it, and how often it was attempted."""
    from zcasync.cli.output import at
    from zcasync.text import cut

    failure = found["failure"]
    return [
        ("Runs", "alone in a child of its own" if found["isolate"] else None),
        ("Priority", found["priority"] or None),
        ("Unique", found["unique"] and cut(found["unique"])),
        ("Quota" if len(found["quotas"]) == 1 else "Quotas", ", ".join(found["quotas"]) or None),
        ("Time limits", running.job_limits_text(found)),
        ("Remembers", _context(found["context"])),
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
        ("Snoozes", found["snoozes"] or None),
        ("Retry policy", found["retry"]),
        ("Waits for", found["waits_for"] or running.wait_text(found.get("wait"))),
        ("Progress", running.text(found["progress"], found["ended"] is not None)),
        ("Checkpoint", found["checkpoint"] and cut(found["checkpoint"])),
        ("Result", _result(found)),
        ("Failure", failure and cut(f"{_short(failure['type'])}: {failure['message']}")),
        ("In short", _in_short(found["ending"])),
    ]


def _aside(found: dict[str, Any] | None) -> str | None:
    """Return since when a job waits for code, and until when."""
    from zcasync.cli.output import at

    if found is None:
        return None
    return f"since {at(found['since'])}, until {at(found['until'])}"


def _function(found: dict[str, Any]) -> str | None:
    """Return the dotted name of the function, where the call is not shown with it."""
    call, name = found["call"], found["callable"]
    return name if call and name and not call.startswith(name) else None


def _in_short(ending: str | None) -> str | None:
    """Return how a call was ended by others; its own exception is a Failure of few words itself."""
    return None if ending is None or ending.startswith("failed: ") else ending


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
        name = one["call"] or one["callable"]
        print_line(f"{'  ' * depth}{one['id']}  {name}  {one['state']}{failed}")
        _print_callbacks(one["callbacks"], depth + 1)


def _short(kind: str) -> str:
    """Return the name of an exception without its module, as people know it."""
    return kind.removeprefix("builtins.").removeprefix("zcasync.errors.")
