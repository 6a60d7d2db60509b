"""``zcasync status``: the state of queues, workers, engines and children, as far as known.

With ``--check`` the line and the exit code of a monitoring plugin: see ``monitor``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from zcasync.cli.errors import EXIT_AWAY, ending_of, say
from zcasync.cli.options import Seconds, common_options, examples, remember_flag


@click.command(
    short_help="Show queues, workers, engines and children.",
    epilog=examples(
        "zcasync status",
        "zcasync status --json",
        "zcasync status --all",
        "zcasync status --check --max-due 3600",
    ),
)
@click.option(
    "--all",
    "is_all",
    is_flag=True,
    help="Show the workers of all hosts: versions, children, last signs of life, clocks.  Reads "
    "the database only.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Show so many workers at most, those with an engine first.",
)
@click.option(
    "--check",
    is_flag=True,
    callback=remember_flag,
    is_eager=True,
    help="Print one line for monitoring, and end with its code: 0 OK, 1 WARNING, 2 CRITICAL, 3 "
    "UNKNOWN.",
)
@click.option(
    "--max-due",
    type=Seconds(zero=True),
    metavar="SECONDS",
    default=300.0,
    help="With --check: CRITICAL when a job is due for longer.  [default: 300]",
)
@click.option(
    "--max-failed",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --check: WARNING when more jobs failed in the last hour.  [default: any number may]",
)
@common_options
def status(
    is_all: bool,
    limit: int,
    check: bool,
    max_due: float,
    max_failed: int | None,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Show queues, workers, the verdicts on their engines, and the children.

    Works with and without a running supervisor.  The verdicts: running (proved alive), stopped (no
    engine), ghost (its process is gone), silent (no proof either way), dead (its promise to write
    has run out), usurped (alive, but the record names another engine).  COMPLETED counts the jobs
    that ended well, FAILED and CANCELLED the others, of those that are still kept.  Exit code 3,
    after what is known, when the database does not answer in time.

    With --all the records of the database are all that is asked, no supervisor: LAST SIGN is when
    an engine has written last by the clock of the database's server, LIMIT the silence after which
    the others take its work over, CLOCK how far its host's clock is from the server's.

    With --check all is well at exit code 0 only.  The line of CRITICAL or WARNING names what is
    wrong: ghosts, no worker, children that cannot start, jobs that are late, a database that does
    not answer; behind a bar it has the figures, as Nagios and its like draw them.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.instance.home import Home
    from zcasync.reports.health import Limits

    limits = Limits(max_due, max_failed)
    place = Home.find(home)
    place.require()
    if is_all:
        if check:
            raise click.UsageError("--all and --check exclude each other")
        from zcasync.cli import all_workers

        return all_workers.show(place, timeout, limit, as_json)
    document, problem = _look(place, timeout, None if check else limit, limits if check else None)
    if check:
        from zcasync.cli.monitor import check as judge

        code, line = judge(document, limits, None if problem is None else str(problem))
        print_json(document) if as_json else print_line(line)
        return code
    if problem is None:
        print_json(document) if as_json else _print_status(document)
        return 0
    said = document["supervisor"]["waiting_for"]
    text = f"{problem}; the supervisor waits for: {said}" if said else str(problem)
    ending = replace(ending_of(problem, click.get_current_context().obj), message=text)
    print_json(document | ending.as_dict()) if as_json else _print_status(document)
    say(text)
    return EXIT_AWAY


def _look(
    place: Any, timeout: float, limit: int | None, limits: Any
) -> tuple[dict[str, Any], Exception | None]:
    """Return the document, and why the database does not answer, or None.

    ``limits``: for a check, which wants more figures; None: none.
    """
    from zcasync.cli.session import reading, require_awake
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.reports import ended, health
    from zcasync.reports import workers as report

    supervisor = report.SupervisorProbe(place, timeout / 2)
    document = report.without_database(place, supervisor)

    def look(connection: Any, manager: Any) -> dict[str, Any]:
        return {
            "queues": report.queues(manager),
            "workers": report.workers(manager, place, supervisor, limit=limit),
            "former_workers": ended.former(manager),
            "workers_in_all": 0 if manager is None else len(manager.workers),
            **({} if limits is None else health.figures(manager, limits)),
        }

    try:
        require_awake(place)
        with reading(place, timeout) as session:
            return document | session.do(look), None
    except (StorageAway, NotRunning) as error:
        own = report.own_from_files(place, supervisor)
        return document | {"workers": None if own is None else [own]}, error


def _print_status(document: dict[str, Any]) -> None:
    from zcasync.cli import sections
    from zcasync.cli.output import print_facts, print_line, print_lines, print_table

    supervisor = document["supervisor"]
    wakeup = {"push": ", hears of new jobs at once", "poll": ", polls for new jobs"}
    runs = f"runs as process {supervisor['pid']}{wakeup.get(document['wakeup'], '')}"
    print_facts(
        [
            ("Home", document["home"]),
            ("Worker", document["instance"] or "none yet: no supervisor has run here"),
            ("Supervisor", runs if supervisor["running"] else "does not run"),
            ("Waits for", supervisor["waiting_for"]),
            ("Children", _boot(supervisor["boot"])),
            ("Reload", sections.reload(supervisor["reload"])),
            ("Limit", _limit(document)),
            ("Clocks", _clocks(supervisor["clocks"])),
            *sections.database(document.get("database")),
        ]
    )
    if output := _output(supervisor["boot"]) or _output(supervisor["reload"]):
        print_lines("\n".join(output), "    ")
    print_line()
    if document["queues"] is None:
        print_line("Queues and other workers are not known without the database.")
    else:
        print_table(*sections.queues(document))
        for line in sections.set_aside(document):
            print_line(line)
    if document["workers"]:
        print_line()
        _print_workers(document["workers"])
    _print_others(document)
    children = [one for worker in document["workers"] or () for one in worker["children"] or ()]
    if children:
        print_line()
        _print_children(children)


def _print_others(document: dict[str, Any]) -> None:
    """Print how many workers are not shown, and what those have done that are gone."""
    from zcasync.cli.output import print_line

    shown, all_of_them = len(document["workers"] or ()), document.get("workers_in_all", 0)
    if 0 < shown < all_of_them:
        print_line(f"{shown} of {all_of_them:,} workers; --limit shows more.")
    if gone := document.get("former_workers"):
        jobs = "job" if gone["completed"] == 1 else "jobs"
        print_line(f"Workers that are gone have completed {gone['completed']:,} {jobs} more.")


def _limit(document: dict[str, Any]) -> str | None:
    """Return what keeps this home's worker from having all its children; None: nothing."""
    most = document["supervisor"]["max_children"]
    for worker in document["workers"] or ():
        size = worker["thread"]["size"]
        if worker["is_here"] and None not in (most, size) and size > most:
            return (
                f"at most {most} children are started (max-children), though the size is {size:,}"
            )
    return None


def _clocks(found: dict[str, Any] | None) -> str | None:
    """Return which clocks differ from this machine's; None: none is known to."""
    return "; ".join(found["warnings"]) or None if found else None


def _boot(found: dict[str, Any] | None) -> str | None:
    """Return the reason why children do not boot; None: they do."""
    if found is None:
        return None
    often = f"{found['tries']} tries since {found['since']}, next in {found['next_try_seconds']} s"
    return f"{found['problem']} ({often})"


def _output(found: dict[str, Any] | None) -> list[str]:
    """Return the last lines of what could not boot, a traceback for instance."""
    return [] if found is None else found["output"]


def _print_workers(workers: list[dict[str, Any]]) -> None:
    from zcasync.cli import sections
    from zcasync.cli.output import print_facts, print_line, print_table, width

    names = sections.names_of(workers, width())
    print_table(*sections.workers(workers, names))
    print_line()
    print_facts(
        (names[worker["uuid"]], f"{worker['verdict']}: {worker['reason']}.") for worker in workers
    )


def _print_children(children: list[dict[str, Any]]) -> None:
    from zcasync.cli.output import print_table, size

    rows = [
        (one["pid"], one["state"], one["job"], one["jobs_done"], size(one["rss"]), _note(one))
        for one in children
    ]
    columns = ("CHILD", "STATE", "JOB", "JOBS DONE", "MEMORY", "NOTE")
    print_table(columns, rows, fold=("NOTE",))


def _note(child: dict[str, Any]) -> str | None:
    """Return what an operator should know of a child besides its state."""
    from zcasync.reports.running import limits_text, wait_text

    waits = wait_text(child["wait"])
    limits = limits_text(child.get("limits"))  # an older supervisor does not tell
    return child["note"] or (waits and f"waits for {waits}") or limits
