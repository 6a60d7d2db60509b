"""``zcasync status`` and ``zcasync ghosts``: how things stand, and whose engines are stale."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.errors import EXIT_AWAY, EXIT_NO, say
from zcasync.cli.options import common_options, examples

#: So many of a ghost's jobs are named in the readable form.
JOBS_SHOWN = 5


@click.command(
    short_help="Show queues, workers, engines and children.",
    epilog=examples("zcasync status", "zcasync status --json"),
)
@common_options
def status(home: str | None, timeout: float, as_json: bool) -> int:
    """Show queues, workers, the verdicts on their engines, and the children.

    Works with and without a running supervisor.  The verdicts: running (proved alive), stopped (no
    engine), ghost (its process is gone), silent (no proof either way), dead (its promise to write
    has run out), usurped (alive, but the record names another engine).
    """
    from zcasync.cli import report
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.home import Home

    place = Home.find(home)
    place.require()
    supervisor = report.Supervisor(place, timeout / 2)
    document = report.without_database(place, supervisor)

    def look(connection: Any, manager: Any) -> dict[str, Any]:
        return {
            "queues": report.queues(manager),
            "workers": report.workers(manager, place, supervisor),
        }

    problem = None
    try:
        with reading(place, timeout) as session:
            document |= session.do(look)
    except (StorageAway, NotRunning) as error:
        problem = error
    if as_json:
        print_json(document)
    else:
        _print_status(document)
    if problem is not None:
        said = document["supervisor"]["waiting_for"]
        say(f"{problem}; the supervisor waits for: {said}" if said else str(problem))
        return EXIT_AWAY
    return 0


def _print_status(document: dict[str, Any]) -> None:
    from zcasync.cli.output import print_facts, print_line

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
        ]
    )
    if document["queues"] is None:
        print_line("Queues and workers are not known: the database does not answer.")
        return
    print_line()
    _print_queues(document)
    if document["workers"]:
        print_line()
        _print_workers(document["workers"])
    children = [one for worker in document["workers"] for one in worker["children"] or ()]
    if children:
        print_line()
        _print_children(children)


def _boot(found: dict[str, Any] | None) -> str | None:
    """Why children do not boot."""
    if found is None:
        return None
    often = f"{found['tries']} tries since {found['since']}, next in {found['next_try_seconds']} s"
    return f"{found['problem']} ({often})"


def _print_queues(document: dict[str, Any]) -> None:
    from zcasync.cli.output import print_table

    rows = []
    for name, queue in document["queues"].items():
        claimed = sum(worker[name]["len"] for worker in document["workers"])
        rows.append((name, queue["due"], queue["held"], claimed))
    print_table(("QUEUE", "DUE", "HELD", "CLAIMED"), rows)


def _print_workers(workers: list[dict[str, Any]]) -> None:
    from zcasync.cli.output import ago, print_line, print_table

    rows = [
        (
            worker["uuid"],
            worker["verdict"],
            ago(worker["last_ping"]),
            f"{worker['thread']['len']}/{worker['thread']['size']}",
            f"{worker['reactor']['len']}/{worker['reactor']['size']}",
            worker["completed"],
        )
        for worker in workers
    ]
    print_table(("WORKER", "ENGINE", "LAST PING", "THREAD", "REACTOR", "COMPLETED"), rows)
    print_line()
    for worker in workers:
        print_line(f"{worker['uuid'][:8]} {worker['verdict']}: {worker['reason']}.")


def _print_children(children: list[dict[str, Any]]) -> None:
    from zcasync.cli.output import print_table, size

    rows = [
        (one["pid"], one["state"], one["job"], one["jobs_done"], size(one["rss"]), one["note"])
        for one in children
    ]
    print_table(("CHILD", "STATE", "JOB", "JOBS DONE", "MEMORY", "NOTE"), rows)


@click.command(
    short_help="Show the engines that are gone without having said so.",
    epilog=examples("zcasync ghosts", "zcasync ghosts --json"),
)
@common_options
def ghosts(home: str | None, timeout: float, as_json: bool) -> int:
    """Show the workers whose engine is gone without having said so, and what they hold.

    A worker elsewhere is judged by the time of its last ping, so by two clocks; where they differ a
    look at the other machine is the better one.  Exit code 1 when there is at least one.
    """
    from zcasync.cli import report
    from zcasync.cli.output import print_json, print_line
    from zcasync.cli.session import reading
    from zcasync.home import Home

    place = Home.find(home)
    place.require()
    supervisor = report.Supervisor(place, timeout / 2)

    def look(connection: Any, manager: Any) -> list[dict[str, Any]]:
        return report.stale(report.workers(manager, place, supervisor), manager)

    with reading(place, timeout) as session:
        found = session.do(look)
    if as_json:
        print_json({"ghosts": found})
    elif found:
        _print_ghosts(found, str(place.path))
    else:
        print_line("no ghosts")
    return EXIT_NO if found else 0


def _print_ghosts(found: list[dict[str, Any]], home: str) -> None:
    from zcasync.cli.output import ago, print_facts, print_line

    for number, ghost in enumerate(found):
        if number:
            print_line()
        shown = ", ".join(ghost["jobs"][:JOBS_SHOWN])
        more = len(ghost["jobs"]) - JOBS_SHOWN
        advice = f"start its supervisor, which takes it over: zcasync run --home {home}"
        if not ghost["is_here"]:
            release = f"zcasync release {ghost['uuid']}"
            advice = f"start its supervisor, or if it will not come back: {release}"
        print_facts(
            [
                ("Worker", ghost["uuid"]),
                ("Engine", ghost["engine"]),
                ("Verdict", ghost["verdict"]),
                ("Last seen", ago(ghost["since"]) or "never"),
                ("Why", ghost["reason"]),
                ("Holds", f"{shown} and {more} more" if more > 0 else shown or "nothing"),
                ("To do", advice),
            ]
        )
