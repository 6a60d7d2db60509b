"""``zcasync queue``: the queues of a database, and what an operator does to one."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import click

from zcasync.cli.errors import Refusal
from zcasync.cli.options import Seconds, common_options, examples, one_at_most

LOOK_SECONDS = 0.5


@click.command(
    "queue",
    short_help="List the queues; pause, resume, drain or add one.",
    epilog=examples(
        "zcasync queue",
        "zcasync queue mail --add",
        "zcasync queue mail --pause",
        "zcasync queue mail --drain 600",
    ),
)
@click.argument("name", required=False)
@one_at_most(
    "act",
    add="Make a queue with this name.",
    pause="Begin none of its jobs from now on.",
    resume="Begin its jobs again.",
)
@click.option(
    "--drain",
    type=Seconds(zero=True),
    metavar="SECONDS",
    help="Wait so long at most until no job of it is due or running.",
)
@common_options
def command(
    name: str | None,
    act: str | None,
    drain: float | None,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """List the queues, or show one, with who did what to it; or do that.

    A paused queue takes puts, and its jobs that run go on; none begins.  That is stored, and holds
    for all supervisors at once, until it is resumed.  A queue that was made is served by each
    supervisor whose worker serves all queues, as a new one does: see zcasync run --queues.  Exit
    code 1 where a queue is not drained in time.
    """
    if name is None and (act or drain is not None):
        raise click.UsageError("name the queue", click.get_current_context())
    _require_name(name)
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading, writing
    from zcasync.instance.home import Home
    from zcasync.reports.queues import described

    place = Home.find(home)
    with (writing if act else reading)(place, timeout) as session:
        if act is not None:
            assert name is not None
            _do(session, name, act)
        left = 0 if drain is None or name is None else _drain(session, name, drain)
        found = session.do(lambda connection, manager: described(manager, name))
    if as_json:
        print_json({"queues": found})
    else:
        _print(found, is_one=name is not None)
    if left:
        raise Refusal(
            f"queue {name} is not drained: {left:,} of its jobs are due or running{_why(found)}"
        )
    return 0


def _why(found: list[dict[str, Any]]) -> str:
    """Return what to do for a queue whose jobs nobody begins; '': somebody does."""
    (queue,) = found
    if queue["paused"]:
        return f"; it is paused: zcasync queue {queue['name']} --resume"
    return "" if queue["workers"] else "; no worker that runs serves it: see zcasync run --queues"


def _require_name(name: str | None) -> None:
    """Raise UsageError where no queue can have this name."""
    from zcasync.instance.queue_names import require_name

    try:
        if name is not None:
            require_name(name)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from error


def _do(session: Any, name: str, act: str) -> None:
    """Do it, and note who did."""
    from zcasync.control import queues
    from zcasync.protocol.actor import actor_name, claimed_name

    who = actor_name(os.geteuid(), claimed_name())
    session.change(
        lambda connection, manager: queues.act_on(manager, name, act, who),
        lambda connection, manager, moment: queues.is_done(manager, name, moment),
    )


def _drain(session: Any, name: str, seconds: float) -> int:
    """Wait until no job of a queue is due or running; return how many are left when time is up."""
    from zcasync.control import queues

    deadline, shows = time.monotonic() + seconds, sys.stderr.isatty()
    try:
        while True:
            left: int = session.do(lambda connection, manager: queues.left(manager, name))
            if not left or time.monotonic() >= deadline:
                return left
            if shows:
                print(f"\r\x1b[K{left:,} jobs left ...", end="", file=sys.stderr, flush=True)
            time.sleep(LOOK_SECONDS)
    finally:
        if shows:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _print(found: list[dict[str, Any]], *, is_one: bool) -> None:
    from zcasync.cli.output import print_acts, print_line, print_table

    rows = [
        (
            one["name"],
            "paused" if one["paused"] else "open",
            one["due"],
            one["held"],
            one["claimed"],
            _served(one["workers"]),
        )
        for one in found
    ]
    print_table(("QUEUE", "STATE", "DUE", "HELD", "CLAIMED", "WORKERS"), rows)
    if not is_one:
        return
    for one in found:
        if one["defaults"]:
            print_line(f"defaults: {', '.join(f'{k}={v}' for k, v in one['defaults'].items())}")
        print_acts(one["acts"])


def _served(workers: list[dict[str, Any]]) -> str:
    """Return how many workers that run serve a queue, and with how many jobs at once."""
    limits = [str(one["limit"]) for one in workers if one["limit"] is not None]
    text = str(len(workers)) if workers else "none serves it"
    return f"{text}, {' and '.join(limits)} at once" if limits else text
