"""``zcasync tail``: events as they happen."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli.options import Seconds, examples, home_option, json_option, timeout_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zcasync.cli.following import Following, Heard
    from zcasync.instance.home import Home
    from zcasync.reports.events import Event

#: Workers are looked at this often at least, and jobs no more often than that.
LONGEST_SECONDS, SHORTEST_SECONDS = 1.0, 0.05


@click.command(
    "tail",
    short_help="Show what happens to jobs and workers, as it happens.",
    epilog=examples("zcasync tail", "zcasync tail --last 20 --seconds 60 --json"),
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    help="Begin with the jobs that ended last.  [default: 0]",
)
@click.option(
    "--seconds", type=Seconds(), metavar="SECONDS", help="End after so long.  [default: never]"
)
@home_option
@timeout_option
@json_option
def command(
    last: int, seconds: float | None, home: str | None, timeout: float, as_json: bool
) -> int:
    """Show events as they happen, one in a line; with --json one document in a line.

    Jobs: started, completed, failed, cancelled, retried (an attempt failed, or its process died,
    and another one follows).  Workers: worker-started, worker-stopped, worker-lost.  A database
    that goes away is waited for.
    """
    from zcasync.cli.following import Following
    from zcasync.instance.home import Home

    place = Home.find(home)
    place.require()
    following = Following(place, timeout)
    try:
        _follow(_Tail(place, timeout, following, as_json), last, seconds)
    finally:
        following.close()
    return 0


def _follow(tail: _Tail, last: int, seconds: float | None) -> None:
    """Print events until the time is over."""
    until = float("inf") if seconds is None else time.monotonic() + seconds
    tail.look(last)
    while time.monotonic() < until:
        left = max(0.0, min(LONGEST_SECONDS, until - time.monotonic()))
        tail.following.wait(left, min(left, SHORTEST_SECONDS))
        tail.look()


class _Tail:
    """What was seen of a home, and how it is printed."""

    def __init__(self, home: Home, timeout: float, following: Following, as_json: bool) -> None:
        from zcasync.reports.events import Jobs
        from zcasync.reports.worker_events import Engines

        self.following = following
        self._home = home
        self._timeout = timeout
        self._as_json = as_json
        self._jobs = Jobs()
        self._engines = Engines()
        self._is_away = False

    def look(self, last: int = 0) -> None:
        """Print what has happened since the last look, first the ``last`` jobs that ended."""
        from zcasync.cli.errors import say
        from zcasync.cli.following import AWAY
        from zcasync.reports import workers as report
        from zcasync.reports.events import last_ends

        supervisor = report.SupervisorProbe(self._home, self._timeout / 2)

        def look(connection: Any, manager: Any, heard: Heard) -> list[Event]:
            reports = report.workers(manager, self._home, supervisor)
            ends = last_ends(manager, last) if last else []
            jobs = self._jobs.look(connection, manager, heard)
            return [*ends, *jobs, *self._engines.look(reports, manager)]

        try:
            events = self.following.do(look)
            self._is_away = False
        except AWAY as error:
            own = report.own_from_files(self._home, supervisor)
            events = self._engines.look([] if own is None else [own], None)
            if not self._is_away:
                say(f"{error}; waiting")
            self._is_away = True
        self._print(events)

    def _print(self, events: Iterable[Event]) -> None:
        from zcasync.cli.output import json_text, print_event, print_line
        from zcasync.cli.terminal import closing_is_leaving

        with closing_is_leaving():
            for one in events:
                document = one.as_dict()
                print_line(json_text(document)) if self._as_json else print_event(document)
            sys.stdout.flush()
