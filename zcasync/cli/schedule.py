"""``zcasync schedule``: one schedule, shown, added, paused, resumed, run or removed."""

from __future__ import annotations

import os
from typing import Any

import click

from zcasync.cli.arguments import Arguments
from zcasync.cli.callables import find_callable
from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples, one_at_most
from zcasync.cli.schedules import outcome, when
from zcasync.cli.selection import Span

#: What is done, by its option, and how that is said.
ACTIONS = {
    "pause": "is paused",
    "resume": "ticks again",
    "run_now": "is run now",
    "remove": "is removed",
}
#: How what is done stands in the history of the schedule; what is removed has none.
NOTED = {"pause": "paused", "resume": "resumed", "run_now": "run by hand"}
LIST = "list those that there are: zcasync schedules"
#: The options that only mean something with ``--add``; the first ones say when.
TIMES = ("cron", "every", "zone", "catch_up", "limit", "overlap", "jitter")
OF_ADD = (*TIMES, "queue", "args", "kwargs")


@click.command(
    "schedule",
    short_help="Show or change one schedule.",
    epilog=examples(
        "zcasync schedule nightly --add gc.collect --cron '0 3 * * *' --zone Europe/Berlin",
        "zcasync schedule poll --add math.factorial --every 5m --arg 7 --catch-up skip",
        "zcasync schedule nightly",
        "zcasync schedule nightly --run-now",
        "zcasync schedule nightly --pause",
    ),
)
@click.argument("name")
@click.option("--add", "call", metavar="DOTTED.NAME", help="Add it: a call of this function.")
@one_at_most(
    "action",
    pause="Let it not tick.",
    resume="Let it tick again, from now on.",
    run_now="Put its call once, now.",
    remove="Remove it; its jobs stay.",
)
@click.option(
    "--cron",
    metavar="FIELDS",
    help="When: minute hour day-of-month month day-of-week; six fields: with the second in front.",
)
@click.option("--every", type=Span(), metavar="TIME", help="Or at equal distances: 30s, 5m, 2h.")
@click.option("--zone", metavar="ZONE", help="The time zone of --cron.  [default: UTC]")
@click.option("--queue", metavar="NAME", help="As for put.  [default: thread]")
@click.option(
    "--catch-up",
    type=click.Choice(["once", "skip", "all"]),
    help="What is missed while no supervisor runs is run once, not, or all of it.  [default: once]",
)
@click.option(
    "--limit", type=int, metavar="N", help="With --catch-up all: the last N.  [default: 100]"
)
@click.option(
    "--overlap",
    type=click.Choice(["skip", "allow"]),
    help="While a run is not over the next one is skipped, or not.  [default: skip]",
)
@click.option("--jitter", type=Span(), metavar="TIME", help="Begin up to so much later.")
@click.option("--arg", "args", multiple=True, metavar="JSON|@FILE|-", help="As for put.")
@click.option("--kwarg", "kwargs", multiple=True, metavar="NAME=JSON|@FILE|-", help="As for put.")
@common_options
def command(
    name: str,
    call: str | None,
    action: str | None,
    home: str | None,
    timeout: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Show one schedule: its next five ticks, its last ten runs; or change it.

    A schedule puts a call by itself: each tick has one job, whatever dies and however many
    supervisors there are.  Moments are shown in UTC.  Exit code 1 when there is no such schedule.
    """
    from zcasync.instance.home import Home

    place = Home.find(home)
    if call is not None and action is not None:
        raise _usage(f"--add and --{action.replace('_', '-')} exclude each other")
    if call is not None:
        _report(_add(place, timeout, name, call, options), "is added", as_json)
        return
    given = [one for one in OF_ADD if options[one]]
    if given:
        option = given[0].removesuffix("s") if given[0] in ("args", "kwargs") else given[0]
        raise _usage(f"--{option.replace('_', '-')} is for --add DOTTED.NAME: give that, too")
    if action is None:
        _show(place, timeout, name, as_json)
    else:
        _report(_change(place, timeout, name, action), ACTIONS[action], as_json)


def _show(place: Any, timeout: float, name: str, as_json: bool) -> None:
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading

    with reading(place, timeout) as session:
        found = session.do(lambda _, manager: _described(manager, name))
    print_json(found) if as_json else _print_one(found)


def _described(manager: Any, name: str) -> dict[str, Any]:
    from zcasync.reports.schedules import describe

    return describe(manager, name, _found(manager, name))


def _found(manager: Any, name: str) -> Any:
    """Return the schedule with this name.  Raises Refusal."""
    if manager is None:
        raise Refusal(f"there is no schedule {name!r}, for there is no data yet", remedy=LIST)
    try:
        return manager.schedules[name]
    except LookupError as error:
        raise Refusal(str(error), remedy=LIST) from error


def _print_one(one: dict[str, Any]) -> None:
    from zcasync.cli.output import at, print_acts, print_facts, print_line, print_table
    from zcasync.text import span

    is_all = one["catch_up"] == "all"
    print_facts(
        [
            ("Schedule", one["name"]),
            ("State", one["state"]),
            ("Problem", one["problem"]),
            ("Call", one["callable"]),
            ("Queue", one["queue"]),
            ("When", when(one)),
            ("Zone", one["zone"] if one["cron"] else None),
            ("Catch up", f"all, {one['limit']:,} at most" if is_all else one["catch_up"]),
            ("Overlap", one["overlap"]),
            ("Jitter", span(one["jitter_seconds"]) if one["jitter_seconds"] else None),
            ("Declared by", one["source"]),
            ("Last tick", at(one["last_tick"])),
            ("Skipped", f"{one['skipped']:,} since the last run" if one["skipped"] else None),
            *(("Next", at(tick)) for tick in one["next"]),
        ]
    )
    if one["runs"]:
        print_line()
        rows = [(at(run["tick"]), run["id"], outcome(run)) for run in one["runs"]]
        print_table(["RUN", "JOB", "OUTCOME"], rows, fold=("OUTCOME",))
    if one["acts"]:
        print_line()
        print_acts(one["acts"])


def _change(place: Any, timeout: float, name: str, action: str) -> dict[str, Any]:
    """Change a schedule, and return what was done."""
    from zcasync.cli.session import require_manager, writing
    from zcasync.job.ids import id_of, look_up

    who = _who()

    def change(connection: Any, manager: Any) -> dict[str, Any]:
        schedule = _found(require_manager(place, manager), name)
        is_done = action in ("pause", "resume") and schedule.is_paused == (action == "pause")
        done = getattr(manager.schedules, action)(name)
        if action in NOTED and not is_done:
            schedule.note_act(who, NOTED[action])
        return {"name": name, "action": action, "job": None if done is None else id_of(done)}

    def is_there(connection: Any, manager: Any, made: dict[str, Any]) -> bool:
        if action == "remove":
            return name not in manager.schedules
        if action == "run_now":
            try:
                return look_up(connection, made["job"]) is not None
            except LookupError:
                return False
        return manager.schedules[name].is_paused == (action == "pause")  # type: ignore[no-any-return]

    with writing(place, timeout) as session:
        return session.change(change, is_there)


def _add(
    place: Any, timeout: float, name: str, call: str, options: dict[str, Any]
) -> dict[str, Any]:
    """Add a schedule, and return what was done."""
    from zcasync.cli.session import require_manager, writing

    arguments = Arguments.parse(options.pop("args"), options.pop("kwargs"), False)
    given = {key: value for key, value in options.items() if value is not None}
    found, who = find_callable(call, place), _who()

    def add(connection: Any, manager: Any) -> dict[str, Any]:
        from zcasync.errors import ZCAsyncError
        from zcasync.partial import Partial

        partial = Partial(found, *arguments.positional, **arguments.named)
        try:
            schedule = require_manager(place, manager).schedules.add(name, partial, **given)
        except ZCAsyncError:
            raise
        except (TypeError, ValueError) as error:
            raise Refusal(f"schedule {name!r} is not added: {error}") from error
        schedule.note_act(who, "added")
        return {"name": name, "action": "add", "job": None}

    with writing(place, timeout) as session:
        return session.change(add, lambda _, manager, made: name in manager.schedules)


def _who() -> str:
    """Return the name of who does it."""
    from zcasync.protocol.actor import actor_name, claimed_name

    return actor_name(os.geteuid(), claimed_name())


def _report(done: dict[str, Any], words: str, as_json: bool) -> None:
    from zcasync.cli.output import print_json, print_line

    if as_json:
        print_json(done)
    else:
        job = f": job {done['job']}" if done["job"] else ""
        print_line(f"schedule {done['name']} {words}{job}")


def _usage(message: str) -> click.UsageError:
    return click.UsageError(message, click.get_current_context())
