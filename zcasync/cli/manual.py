"""``man``: the manual page of the command line, made of the help texts of all commands."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

import click

from zcasync.cli.options import examples
from zcasync.cli.output import print_line

EXAMPLES = "Examples:"


@dataclass(frozen=True)
class Entry:
    """All that a manual says about one command; each text is one line, or one paragraph."""

    usage: str
    text: list[str]
    options: list[tuple[str, str]]
    examples: list[str]


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


def entries(group: click.Group) -> tuple[Entry, list[Entry]]:
    """Return the entry of a group of commands, and those of its commands in their order."""
    ctx = click.Context(group, info_name="zcasync", **group.context_settings)
    commands = []
    for name in group.list_commands(ctx):
        one = group.get_command(ctx, name)
        assert one is not None, name
        commands.append(_entry(click.Context(one, parent=ctx, info_name=name)))
    return _entry(ctx), commands


def page(group: click.Group) -> Iterator[str]:
    """Yield the lines of the manual page of a group and its commands."""
    whole, commands = entries(group)
    purpose, *details = whole.text
    yield f'.TH ZCASYNC 1 "" "zcasync {_roff(version("zcasync"))}" "User Commands"'
    yield from (".SH NAME", f"zcasync \\- {_roff(purpose.rstrip('.'))}")
    yield from (".SH SYNOPSIS", _roff(whole.usage))
    yield from (".SH DESCRIPTION", *_text(details))
    yield from _options(whole)
    yield ".SH COMMANDS"
    for one in commands:
        yield from (f".SS {_roff(one.usage)}", *_text(one.text), *_options(one))
        yield from (".PP", EXAMPLES, *_examples(one))
    yield from (".SH EXAMPLES", *_examples(whole))


def _entry(ctx: click.Context) -> Entry:
    """Return the entry of one command, as its parser has it."""
    command = ctx.command
    _, _, lines = (command.epilog or "").partition(EXAMPLES)
    return Entry(
        usage=" ".join([ctx.command_path, *command.collect_usage_pieces(ctx)]),
        text=[" ".join(one.split()) for one in inspect.cleandoc(command.help or "").split("\n\n")],
        options=list(_described_options(ctx)),
        examples=[line.strip() for line in lines.strip().splitlines()],
    )


def _described_options(ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the options of a command, each with its help; the text explains the arguments."""
    for parameter in ctx.command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and isinstance(parameter, click.Option):
            names, text = record
            yield names, " ".join(text.split())


def _text(paragraphs: list[str]) -> Iterator[str]:
    """Yield paragraphs."""
    for one in paragraphs:
        yield from (".PP", _roff(one))


def _options(entry: Entry) -> Iterator[str]:
    """Yield the options of a command, each with its help."""
    for names, text in entry.options:
        yield from (".TP", f"\\fB{_roff(names)}\\fR", _roff(text))


def _examples(entry: Entry) -> Iterator[str]:
    """Yield the examples of a command, line by line."""
    yield from (".nf", ".RS")
    yield from map(_roff, entry.examples)
    yield from (".RE", ".fi")


def _roff(text: str) -> str:
    """Return a line that means itself, whatever is in it: no request, no escape, no hyphen."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
