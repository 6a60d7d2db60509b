"""``man``: the manual page of the command line, made of the help texts of all commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.metadata import version

import click

from zcasync.cli.options import examples
from zcasync.cli.output import print_line

EXAMPLES = "Examples:"


@click.command(
    "man", short_help="Print the manual page, for man to show.", epilog=examples("zcasync man")
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Print the manual page of all commands, with each option, in the language of man.

    Read it with: zcasync man | man -l -.  For "man zcasync" put it in a file zcasync.1 in a folder
    man1 where man looks, for instance in /usr/local/share/man/man1.
    """
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    for line in page(group):
        print_line(line)


def page(group: click.Group) -> Iterator[str]:
    """Yield the lines of the manual page of a group and its commands."""
    ctx = click.Context(group, info_name="zcasync", **group.context_settings)
    purpose, *details = _paragraphs(group.help)
    yield f'.TH ZCASYNC 1 "" "zcasync {_roff(version("zcasync"))}" "User Commands"'
    yield from (".SH NAME", f"zcasync \\- {_roff(purpose.rstrip('.'))}")
    yield from (".SH SYNOPSIS", _roff(_usage(ctx)))
    yield from (".SH DESCRIPTION", *_text(details))
    yield from _options(ctx)
    yield ".SH COMMANDS"
    for name in group.list_commands(ctx):
        one = group.get_command(ctx, name)
        assert one is not None, name
        yield from _command(click.Context(one, parent=ctx, info_name=name))
    yield ".SH EXAMPLES"
    yield from _examples(group)


def _command(ctx: click.Context) -> Iterator[str]:
    """Yield the section of one command."""
    yield f".SS {_roff(_usage(ctx))}"
    yield from _text(_paragraphs(ctx.command.help))
    yield from _options(ctx)
    yield from (".PP", EXAMPLES)
    yield from _examples(ctx.command)


def _usage(ctx: click.Context) -> str:
    """Return the line that shows how a command is typed."""
    return " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])


def _paragraphs(text: str | None) -> list[str]:
    """Return the paragraphs of a help text, each in one line."""
    return [" ".join(one.split()) for one in inspect.cleandoc(text or "").split("\n\n")]


def _text(paragraphs: list[str]) -> Iterator[str]:
    """Yield paragraphs."""
    for one in paragraphs:
        yield from (".PP", _roff(one))


def _options(ctx: click.Context) -> Iterator[str]:
    """Yield the options of a command, each with its help; the text explains the arguments."""
    for parameter in ctx.command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and isinstance(parameter, click.Option):
            names, text = record
            yield from (".TP", f"\\fB{_roff(names)}\\fR", _roff(" ".join(text.split())))


def _examples(command: click.Command) -> Iterator[str]:
    """Yield the examples at the end of a help text, line by line."""
    _, _, lines = (command.epilog or "").partition(EXAMPLES)
    yield from (".nf", ".RS")
    yield from (_roff(line.strip()) for line in lines.strip().splitlines())
    yield from (".RE", ".fi")


def _roff(text: str) -> str:
    """Return a line that means itself, whatever is in it: no request, no escape, no hyphen."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
