"""The entry point of ``zcasync``: its commands, each loaded from its file when needed."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from zcasync import import_path, standard_streams
from zcasync.cli import completion
from zcasync.cli.errors import Invocation, ReaderLeft, exit_code_of
from zcasync.cli.options import examples, remember_home

#: Where each command is; a new one is a new line here.
COMMANDS = {
    "run": "zcasync.cli.run:command",
    "put": "zcasync.cli.put:command",
    "job": "zcasync.cli.inspect:job",
    "jobs": "zcasync.cli.listing:jobs",
    "status": "zcasync.cli.status:status",
    "queue": "zcasync.cli.queue:command",
    "top": "zcasync.cli.top:command",
    "tail": "zcasync.cli.tail:command",
    "conflicts": "zcasync.cli.conflicts:command",
    "ghosts": "zcasync.cli.ghosts:command",
    "release": "zcasync.cli.release:command",
    "forget": "zcasync.cli.forget:command",
    "cancel": "zcasync.cli.cancel:command",
    "retry": "zcasync.cli.retry:command",
    "discard": "zcasync.cli.discard:command",
    "quotas": "zcasync.cli.quotas:quotas",
    "quota": "zcasync.cli.quotas:quota",
    "schedules": "zcasync.cli.schedules:command",
    "schedule": "zcasync.cli.schedule:command",
    "pack": "zcasync.cli.pack:command",
    "bench": "zcasync.cli.bench:command",
    "check": "zcasync.cli.check:command",
    "certificates": "zcasync.cli.certificates:command",
    "reload": "zcasync.cli.reload:command",
    "stop": "zcasync.cli.stop:command",
    "demo": "zcasync.cli.main:demo",
    "completion": "zcasync.cli.completion:command",
    "man": "zcasync.cli.manual:command",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog=examples(
        "zcasync run --home instance --children 2",
        "zcasync put math.factorial --arg 20 --wait --home instance",
        "zcasync status --home instance",
    ),
)
@click.version_option(package_name="zcasync", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Durable asynchronous calls for applications that keep their data in the ZODB.

    Exit codes: 0 the command has done what it says; 1 the answer is no; 2 wrong use, wrong
    configuration, or an error that was not foreseen; 3 the database or the supervisor cannot be
    reached; 4 the database is not the one any more that this process has worked with.  Whether all
    is well says zcasync status --check, with the codes of monitoring.
    """
    if ctx.invoked_subcommand is None:
        raise click.UsageError("no command given", ctx)


@click.command(
    short_help="Real work, with a child killed on the way.",
    epilog=examples("zcasync demo", "zcasync demo --tour"),
)
@click.option(
    "--home",
    metavar="DIR",
    callback=remember_home,
    is_eager=True,
    help="Instance home.  [default: a temporary one, removed at the end]",
)
@click.option(
    "--tour",
    "is_tour",
    is_flag=True,
    help="Show what can be said of a job instead: retries, limits, quotas, schedules, ...",
)
def demo(home: str | None, is_tour: bool) -> int:
    """Index the source of Python's standard library with durable jobs, and show that it is exact.

    A supervisor with two children is started for it, unless one serves the home already; one child
    is killed on the way.  Exit code 1 when the index and a plain count do not agree, or a step of
    the tour does not do what it says.
    """
    from zcasync.cli import demo

    return demo.tour(home) if is_tour else demo.demo(home)


def execute(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit code.  Errors are reported on standard error."""
    invocation = Invocation(words=tuple(sys.argv[1:] if arguments is None else arguments))
    try:
        code: Any = completion.answer(cli)
        if code is None:
            code = cli.main(
                args=arguments, prog_name="zcasync", standalone_mode=False, obj=invocation
            )
        sys.stdout.flush()
    except BaseException as error:  # every end of a command becomes an exit code in one place
        code = exit_code_of(error, invocation)
    return int(code or 0)


def main() -> None:
    """Run the command line of this process: the console script."""
    standard_streams.open_missing()
    import_path.leave_current_directory()
    # Libraries log what they also raise; without a handler that would go to standard error.
    logging.getLogger().addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that does not know a character shows another one; that is no error.
            stream.reconfigure(errors="replace")
    code = execute()
    # Nothing is imported at the end: a deploy may have replaced the files of a supervisor.
    session: Any = sys.modules.get("zcasync.cli.session")
    if session is not None and session.Session.is_any_stuck:
        # A thread waits for a storage that may never answer: end without waiting for it.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
