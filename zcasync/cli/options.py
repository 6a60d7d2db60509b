"""Options and help texts that the commands share."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

#: Longer times than this make the clock functions of the system overflow (it is three years).
LONGEST_SECONDS = 1e8
MOST_DAYS = 10_000


class Seconds(click.ParamType):  # type: ignore[type-arg]
    """A number of seconds above 0, or from 0 on."""

    name = "SECONDS"

    def __init__(self, zero: bool = False) -> None:
        self._zero = zero

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if math.isnan(seconds) or seconds < 0 or (seconds == 0 and not self._zero):
            self.fail(f"{value!r} is not a number of seconds{'' if self._zero else ' above 0'}")
        return min(seconds, LONGEST_SECONDS)


class Days(click.ParamType):  # type: ignore[type-arg]
    """A number of days, 0 or more."""

    name = "DAYS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            days = float(value)
        except ValueError:
            days = math.nan
        if not 0 <= days <= MOST_DAYS:
            self.fail(f"{value!r} is not a number of days from 0 to {MOST_DAYS}")
        return days


def one_at_most(into: str, **texts: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add flags with these help texts, of which a command line may have one.

    The command gets its name as the argument ``into``, None where there is none.
    """

    def with_flags(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def chosen(**given: Any) -> Any:
            names = [name for name in texts if given.pop(name)]
            if len(names) > 1:
                both = " and ".join(f"--{name.replace('_', '-')}" for name in names[:2])
                raise click.UsageError(f"{both} exclude each other", click.get_current_context())
            return command(**given, **{into: names[0] if names else None})

        found: Callable[..., Any] = chosen
        for name, text in reversed(texts.items()):
            option = f"--{name.replace('_', '-')}"
            found = click.option(option, name, is_flag=True, help=text)(found)
        return found

    return with_flags


def remember_home(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Let the error handling know which home the command is about."""
    if ctx.obj is not None:
        ctx.obj.home = value
        ctx.obj.command = ctx.info_name or ""
    return value


def remember_flag(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Let the error handling know whether an option like ``--json`` was given."""
    if ctx.obj is not None:
        ctx.obj.flags[param.opts[0]] = value
    return value


def folders(ctx: click.Context, param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Have a shell complete the names of folders."""
    return [CompletionItem(typed, type="dir")]


home_option = click.option(
    "--home",
    metavar="DIR",
    shell_complete=folders,
    callback=remember_home,
    is_eager=True,
    help="Instance home.  [default: $INSTANCE_HOME, else ./instance]",
)

timeout_option = click.option(
    "--timeout",
    type=Seconds(),
    metavar="SECONDS",
    default=10.0,
    help="Wait no longer than this for the database and the supervisor.  [default: 10]",
)

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    callback=remember_flag,
    is_eager=True,
    help="Print one JSON document instead of text.",
)

limit_option = click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Show so many at most.",
)


def common_options(command: F) -> F:
    """Add ``--home``, ``--timeout`` and ``--json`` to a command."""
    return home_option(timeout_option(json_option(command)))


def examples(*lines: str) -> str:
    """Return the end of a help text, with examples."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
