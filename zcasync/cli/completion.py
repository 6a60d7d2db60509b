"""``completion``: what a shell has to know to complete command lines of zcasync.

The script that a shell loads is click's own.  At each TAB it runs ``zcasync`` with the line so far
in the environment, and ``answer`` prints what can follow.
"""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class, shell_complete

from zcasync.cli.options import examples

PROGRAM = "zcasync"
#: Where a shell says what it wants to know.
VARIABLE = "_ZCASYNC_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    "completion",
    short_help="Print what lets a shell complete zcasync's commands.",
    epilog=examples("zcasync completion bash", "zcasync completion fish"),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script with which a shell completes commands and options.

    Bash and zsh take it with a line of .bashrc or .zshrc: eval "$(zcasync completion bash)".
    Fish wants it in the file ~/.config/fish/completions/zcasync.fish.
    """
    from zcasync.cli.output import print_line

    found = get_completion_class(shell)
    assert found is not None, shell  # click has all of SHELLS
    for line in found(ctx.find_root().command, {}, PROGRAM, VARIABLE).source().splitlines():
        print_line(line)


def answer(group: click.Command) -> int | None:
    """Print what can follow if a shell asks for it; return the exit code, or None if none asks."""
    asked = os.environ.get(VARIABLE)
    return shell_complete(group, {}, PROGRAM, VARIABLE, asked) if asked else None
