"""The options that select jobs, and the times that people write."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from zcasync.cli.options import LONGEST_SECONDS

F = TypeVar("F", bound=Callable[..., Any])

STATES = ("pending", "active", "callbacks", "completed")
#: The units of times, in seconds.
UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class Span(click.ParamType):  # type: ignore[type-arg]
    """A duration: a number of seconds, or ``30s``, ``5m``, ``2h``, ``3d``; its value is seconds."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", str(value).strip())
        if found is None or (found[2] or "s") not in UNITS:
            self.fail(f"{value!r} is no time such as 30s, 5m, 2h, 3d")
        return min(float(found[1]) * UNITS[found[2] or "s"], LONGEST_SECONDS)


class Since(click.ParamType):  # type: ignore[type-arg]
    """A moment: so long ago (``30m``, ``2h``, ``3d``), or an ISO time, in UTC unless it says else.

    Its value is in microseconds since 1970.
    """

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from zcasync import clock

        try:
            return clock.from_datetime(_moment(str(value).strip()), self.name)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time such as 30m, 2h, 3d (so long ago), 2026-01-31 or "
                "2026-01-31T08:00"
            )


def _moment(text: str) -> datetime:
    """Return the moment that a text names.  Raises ValueError, OverflowError."""
    ago = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]+)", text)
    if ago is not None and ago[2] in UNITS:
        return datetime.now(UTC) - timedelta(seconds=float(ago[1]) * UNITS[ago[2]])
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


OPTIONS = (
    click.option("--failed", is_flag=True, help="Only jobs that failed, not for a cancel."),
    click.option("--cancelled", is_flag=True, help="Only jobs that were cancelled."),
    click.option("--waiting", is_flag=True, help="Only jobs that wait: in a queue or for others."),
    click.option("--state", type=click.Choice(STATES), help="Only jobs in this state."),
    click.option(
        "--call",
        metavar="NAME",
        help="Only calls of this function: its dotted name, the end of it, or a pattern with *.",
    ),
    click.option(
        "--since",
        type=Since(),
        metavar="TIME",
        help="Only what ended, or else began, or else was due since then: 30m, 2h, 3d, or an ISO "
        "time (UTC).",
    ),
    click.option("--queue", metavar="NAME", help="Only jobs of this queue."),
)


def selection_options(command: F) -> F:
    """Add the options that select jobs; the command gets one argument of them, ``selection``.

    Conditions of different kinds have to be met together; ``--failed``, ``--cancelled`` and
    ``--waiting`` add to each other.
    """

    @functools.wraps(command)
    def collect(*args: Any, **given: Any) -> Any:
        from zcasync.reports.selection import Selection

        names = ("failed", "cancelled", "waiting", "state", "call", "since", "queue")
        chosen = {name: given.pop(name) for name in names}
        return command(*args, selection=Selection(**chosen), **given)

    wrapped: Any = collect
    for option in reversed(OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]
