"""``zcasync quotas`` and ``zcasync quota``: named limits on what runs at once, seen and changed."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.options import common_options, examples
from zcasync.cli.selection import UNITS

#: What limits nothing.
NONE = "none"
COLUMNS = ("QUOTA", "LIMIT", "IN USE", "WAITING", "RATE", "BEGUN", "HELD BY")


class Limit(click.ParamType):  # type: ignore[type-arg]
    """A number of jobs, 0 or more, or ``none``."""

    name = "N|none"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        is_number = str(value).isdecimal() and int(value) < 2**31
        if value != NONE and not is_number:
            self.fail(f"{value!r} is no number of jobs, 0 or more, nor {NONE}")
        return int(value) if is_number else NONE


class Rate(click.ParamType):  # type: ignore[type-arg]
    """So many in a time, ``10/1s``, or ``none``."""

    name = "N/TIME|none"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, timedelta] | str:
        if value == NONE:
            return NONE
        found = re.fullmatch(r"(\d{1,9})/(\d{0,9}(?:\.\d+)?) ?([a-z]+)", str(value))
        if found is None or found[3] not in UNITS or int(found[1]) == 0:
            self.fail(f"{value!r} is no rate such as 10/1s, 100/m or 1/2h, nor {NONE}")
        try:
            return int(found[1]), timedelta(seconds=float(found[2] or 1) * UNITS[found[3]])
        except OverflowError:
            self.fail(f"{value!r} has a time that is too long")


@click.command(
    "quotas",
    short_help="List quotas: limits on what runs at once.",
    epilog=examples("zcasync quotas", "zcasync quotas --json"),
)
@common_options
def quotas(home: str | None, timeout: float, as_json: bool) -> None:
    """List the quotas: how many jobs may run at once, how many do, how many wait for that.

    RATE is how many may begin in a time, BEGUN how many have in the last such time.  WAITING counts
    the due jobs that workers have come to and left.
    """
    from zcasync.cli.output import print_json, print_line, print_table
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.reports.quotas import quotas as report

    with reading(Home.find(home), timeout) as session:
        found = session.do(lambda connection, manager: [] if manager is None else report(manager))
    if as_json:
        print_json({"quotas": found})
    elif not found:
        print_line("no quotas; one is set with: zcasync quota NAME --limit N")
    else:
        print_table(list(COLUMNS), [_row(one) for one in found], fold=("QUOTA", "HELD BY"))


@click.command(
    "quota",
    short_help="Set, change, remove or show one quota.",
    epilog=examples(
        "zcasync quota solr --limit 3",
        "zcasync quota smtp --limit none --rate 10/1s",
        "zcasync quota solr --limit 0",
        "zcasync quota solr --remove",
    ),
)
@click.argument("name", metavar="NAME")
@click.option("--limit", type=Limit(), help="So many jobs with it run at once; 0: none begins.")
@click.option("--rate", type=Rate(), help="So many begin in a time: 10/1s, 100/m.")
@click.option("--remove", is_flag=True, help="Limit nothing by it any more.")
@common_options
def quota(
    name: str,
    limit: int | str | None,
    rate: tuple[int, timedelta] | str | None,
    remove: bool,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Set the quota NAME, or change what is given of it; without options show it.

    It holds over all workers from the next claim on; jobs that run already go on.  A put names the
    quotas of its job: quota="solr".  Exit code 1 when there is no such quota to show or remove.
    """
    from zcasync.cli.output import print_json
    from zcasync.instance.home import Home

    if remove and (limit is not None or rate is not None):
        raise click.UsageError(
            "--remove and --limit or --rate exclude each other", click.get_current_context()
        )
    place = Home.find(home)
    if remove or limit is not None or rate is not None:
        found = _change(place, timeout, name, limit, rate, remove)
    else:
        found = _shown(place, timeout, name)
    if as_json:
        print_json(found)
    else:
        _print(found, remove)


def _change(
    place: Any,
    timeout: float,
    name: str,
    limit: int | str | None,
    rate: tuple[int, timedelta] | str | None,
    remove: bool,
) -> dict[str, Any]:
    """Change the quota and commit; return it, as it was where it is removed."""
    from zcasync.cli.session import require_manager, writing
    from zcasync.protocol.actor import actor_name, claimed_name
    from zcasync.reports.quotas import quotas as report

    who = actor_name(os.geteuid(), claimed_name())

    def change(connection: Any, manager: Any) -> dict[str, Any]:
        known = require_manager(place, manager).quotas
        if remove:
            before = _one(report, manager, name)
            known.remove(name)
            known.find(name).note_act(who, "removed")
            return before
        _set(known, name, limit, rate, who)
        return _one(report, manager, name)

    def is_there(connection: Any, manager: Any, made: dict[str, Any]) -> bool:
        if remove:
            return name not in manager.quotas
        found = report(manager, name) if name in manager.quotas else [{}]
        return all(found[0].get(one) == made[one] for one in ("limit", "rate"))

    try:
        with writing(place, timeout) as session:
            return session.change(change, is_there)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error


def _set(known: Any, name: str, limit: Any, rate: Any, who: str) -> None:
    """Set what is given of a quota, and note who has, where that changes anything."""
    there = known.find(name)
    old = there and (there.limit, there.rate, there.is_removed)
    quota = known.set(name, _new(limit, there and there.limit), _new(rate, there and there.rate))
    if old != (quota.limit, quota.rate, False):
        quota.note_act(who, _limits(quota))


def _limits(quota: Any) -> str:
    """Return in words to what the limits of a quota were set."""
    from zcasync.text import span

    at_once = "any number" if quota.limit is None else f"{quota.limit:,}"
    rate = quota.rate
    begin = "" if rate is None else f", {rate[0]:,} in {span(rate[1].total_seconds())}"
    return f"set to {at_once} at once{begin}"


def _new(given: Any, before: Any) -> Any:
    """Return what is to be: what is given, else what was."""
    if given is None:
        return before
    return None if given == NONE else given


def _shown(place: Any, timeout: float, name: str) -> dict[str, Any]:
    from zcasync.cli.session import reading
    from zcasync.reports.quotas import quotas as report

    with reading(place, timeout) as session:
        return session.do(lambda connection, manager: _one(report, manager, name))


def _one(report: Any, manager: Any, name: str) -> dict[str, Any]:
    """Return the quota as data.  Raises Refusal where there is none."""
    if manager is None or name not in manager.quotas:
        raise Refusal(f"there is no quota {name}; list those there are, with: zcasync quotas")
    return report(manager, name)[0]  # type: ignore[no-any-return]


def _print(found: dict[str, Any], is_removed: bool) -> None:
    from zcasync.cli.output import print_acts, print_facts, print_line
    from zcasync.reports.quotas import rate_text

    if is_removed:
        print_line(f"quota {found['name']} is removed: it limits nothing any more")
        return
    limit = found["limit"]
    print_facts(
        [
            ("Quota", found["name"]),
            ("At once", "any number" if limit is None else limit),
            ("In use", found["in_use"]),
            ("Held by", ", ".join(found["holders"]) or None),
            ("Waiting", found["waiting"]),
            ("Rate", rate_text(found["rate"])),
            ("Begun", found["begun"]),
        ]
    )
    if found["acts"]:
        print_line()
        print_acts(found["acts"])


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    from zcasync.reports.quotas import rate_text

    held = " ".join(one["holders"][:3]) + (" ..." if len(one["holders"]) > 3 else "")
    rate, begun = rate_text(one["rate"]), one["begun"]
    return one["name"], one["limit"], one["in_use"], one["waiting"], rate, begun, held or None
