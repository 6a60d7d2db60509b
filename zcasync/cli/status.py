"""``zcasync status``: the state of queues, workers, engines and children, as far as known."""

from __future__ import annotations

from typing import Any

import click

from zcasync.cli.errors import EXIT_AWAY, say
from zcasync.cli.options import common_options, examples

#: From this width on workers are named by their whole UUIDs.
ROOM_FOR_UUIDS = 120


@click.command(
    short_help="Show queues, workers, engines and children.",
    epilog=examples("zcasync status", "zcasync status --json"),
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Show so many workers at most, those with an engine first.",
)
@common_options
def status(limit: int, home: str | None, timeout: float, as_json: bool) -> int:
    """Show queues, workers, the verdicts on their engines, and the children.

    Works with and without a running supervisor.  The verdicts: running (proved alive), stopped (no
    engine), ghost (its process is gone), silent (no proof either way), dead (its promise to write
    has run out), usurped (alive, but the record names another engine).  COMPLETED counts the jobs
    that ended well, FAILED and CANCELLED the others, of those that are still kept.  Exit code 3,
    after what is known, when the database does not answer in time.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.errors import NotRunning, StorageAway
    from zcasync.instance.home import Home
    from zcasync.reports import workers as report

    place = Home.find(home)
    place.require()
    supervisor = report.SupervisorProbe(place, timeout / 2)
    document = report.without_database(place, supervisor)

    def look(connection: Any, manager: Any) -> dict[str, Any]:
        return {
            "queues": report.queues(manager),
            "workers": report.workers(manager, place, supervisor, limit=limit),
            "workers_in_all": 0 if manager is None else len(manager.workers),
        }

    problem = None
    try:
        with reading(place, timeout) as session:
            document |= session.do(look)
    except (StorageAway, NotRunning) as error:
        problem = error
        own = report.own_from_files(place, supervisor)
        document["workers"] = None if own is None else [own]
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
            ("Limit", _limit(document)),
            ("Clocks", _clocks(supervisor["clocks"])),
        ]
    )
    print_line()
    if document["queues"] is None:
        print_line("Queues and other workers are not known without the database.")
    else:
        _print_queues(document)
    if document["workers"]:
        print_line()
        _print_workers(document["workers"])
        shown, all_of_them = len(document["workers"]), document.get("workers_in_all", 0)
        if shown < all_of_them:
            print_line(f"{shown} of {all_of_them:,} workers; --limit shows more.")
    children = [one for worker in document["workers"] or () for one in worker["children"] or ()]
    if children:
        print_line()
        _print_children(children)


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


def _print_queues(document: dict[str, Any]) -> None:
    from zcasync.cli.output import print_table

    rows = []
    for name, queue in document["queues"].items():
        claimed = sum(worker[name]["len"] for worker in document["workers"])
        rows.append((name, queue["due"], queue["held"], claimed, _oldest(queue["oldest_due"])))
    print_table(("QUEUE", "DUE", "HELD", "CLAIMED", "OLDEST DUE"), rows)


def _oldest(found: dict[str, Any] | None) -> str | None:
    """Return the job that is due for longest, with its age."""
    from zcasync.text import span

    return None if found is None else f"{found['id']}, for {span(found['seconds'])}"


def _print_workers(workers: list[dict[str, Any]]) -> None:
    from zcasync.cli.output import ago, print_facts, print_line, print_table, width
    from zcasync.cli.short import beginnings

    uuids = [worker["uuid"] for worker in workers]
    names = beginnings(uuids) if width() < ROOM_FOR_UUIDS else {one: one for one in uuids}
    rows = [
        (
            names[worker["uuid"]],
            worker["verdict"],
            ago(worker["last_ping"]),
            _share(worker["thread"]),
            _share(worker["reactor"]),
            worker["succeeded"],
            worker["failed"],
            worker["cancelled"],
        )
        for worker in workers
    ]
    ends = ("COMPLETED", "FAILED", "CANCELLED")
    print_table(("WORKER", "ENGINE", "LAST PING", "THREAD", "REACTOR", *ends), rows)
    print_line()
    print_facts(
        (names[worker["uuid"]], f"{worker['verdict']}: {worker['reason']}.") for worker in workers
    )


def _share(claims: dict[str, Any]) -> str | None:
    """Return how much is claimed of how much can run at once."""
    return None if claims["size"] is None else f"{claims['len']}/{claims['size']}"


def _print_children(children: list[dict[str, Any]]) -> None:
    from zcasync.cli.output import print_table, size

    rows = [
        (one["pid"], one["state"], one["job"], one["jobs_done"], size(one["rss"]), one["note"])
        for one in children
    ]
    columns = ("CHILD", "STATE", "JOB", "JOBS DONE", "MEMORY", "NOTE")
    print_table(columns, rows, fold=("NOTE",))
