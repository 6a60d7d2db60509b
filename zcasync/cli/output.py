"""Printing for commands: JSON documents, tables in the width of the terminal, times, sizes.

What is printed is made printable first, and gets colours then, on terminals that want them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import click

from zcasync.cli.table import GAP, RULE, table, unpainted
from zcasync.text import ago as ago
from zcasync.text import at as at
from zcasync.text import cut, printable, printable_lines

#: The width of what is printed is that of the terminal, within these; elsewhere PIPED.
NARROWEST, WIDEST, PIPED = 80, 200, 100
#: Terminals that know no colours.
DUMB = ("", "dumb", "unknown")
#: The colours of words, in the columns below and at the beginning of a fact.
COLOURS = {
    **dict.fromkeys(("running", "busy", "active", "completed", "callbacks"), "green"),
    **dict.fromkeys(("ghost", "dead", "usurped", "failed", "worker-lost", "CRITICAL"), "red"),
    **dict.fromkeys(("silent", "stopping", "retried", "cancelled", "WARNING"), "yellow"),
}
COLOURED = {"STATE", "ENGINE", "EVENT"}


def width() -> int:
    """Return how many columns what is printed may have: ``COLUMNS``, else those of the terminal."""
    columns = shutil.get_terminal_size((PIPED, 24)).columns
    return min(max(columns, NARROWEST), WIDEST)


def has_colour(stream: TextIO) -> bool:
    """Return whether a stream is a terminal whose user has not said no (``NO_COLOR``)."""
    is_dumb = os.environ.get("TERM", "") in DUMB
    return stream.isatty() and not is_dumb and not os.environ.get("NO_COLOR")


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    print(json_text(document, indent=2))


def json_text(document: Any, indent: int | None = None) -> str:
    """Return a document as JSON in printable ASCII: people look at it in terminals, too."""
    return json.dumps(document, indent=indent).replace("\x7f", "\\u007f")


def print_line(text: str = "", file: TextIO | None = None) -> None:
    """Print a line on standard output or in ``file``, whatever it holds and the terminal knows."""
    print(encodable(printable(text), file), file=file)


def print_lines(text: str, indent: str, file: TextIO | None = None) -> None:
    """Print a text of several lines, indented, on standard output or in ``file``."""
    shown = printable_lines(text.rstrip("\n"), indent)
    print("\n".join(line.rstrip() for line in shown.split("\n")), file=file)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], fold: Collection[str] = ()
) -> None:
    """Print a table; numbers are set to the right.

    The columns in ``fold`` take the room that is left and break their lines between words; others
    never do.
    """
    colour = has_colour(sys.stdout)
    for line in table_lines(columns, rows, width(), fold=fold, colour=colour):
        print(line)


def table_lines(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    columns_wide: int,
    *,
    fold: Collection[str] = (),
    crop: Collection[str] = (),
    colour: bool = False,
) -> list[str]:
    """Return the lines of a table in a given width; what it holds is made printable.

    ``fold`` as for ``print_table``; those in ``crop`` take the room that is left, too, and stay on
    one line.
    """
    shown = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    paint = _painted if colour else unpainted
    lines = table(columns, shown, fold, columns_wide, crop, paint)
    if encodable(RULE) != RULE:
        lines[1] = "-" * len(lines[1])
    return [encodable(line) for line in lines]


def _painted(column: str, cell: str, text: str) -> str:
    """Return a text in the colour of the word that its cell begins with."""
    colour = COLOURS.get(cell.replace(":", " ").partition(" ")[0]) if column in COLOURED else None
    return click.style(text, colour) if colour and text else text


def encodable(text: str, file: TextIO | None = None) -> str:
    """Return a text without characters that standard output, or ``file``, does not know."""
    encoding = (file or sys.stdout).encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class Verbatim(str):
    """A text to be copied, a command for instance: it stays on one line, however long it is."""


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair in a line, without those that are None."""
    shown = [(name, value) for name, value in facts if value is not None]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        text = printable(str(value))
        room = width() - wide - len(GAP)
        is_long = len(text) > room and not isinstance(value, Verbatim)
        first, *others = _wrapped(text, room) if is_long else [text]
        _print_fact(f"{name:<{wide}}{GAP}", first)
        for line in others:
            print_line(f"{'':<{wide}}{GAP}{line}")


def print_acts(acts: Iterable[dict[str, Any]]) -> None:
    """Print what operators did, as ``acts.as_dicts`` has it, one act in a line."""
    for act in acts:
        print_line(f"{act['at'][:19].replace('T', ' ')}  {act['what']} by {act['who']}")


def _print_fact(name: str, value: str) -> None:
    """Print the first line of a fact, on a terminal its name bold and its first word coloured."""
    if not has_colour(sys.stdout):
        print_line(f"{name}{value}".rstrip())
        return
    word = value.replace(":", " ").partition(" ")[0]
    rest = value.removeprefix(word)
    painted = click.style(encodable(word), COLOURS[word]) if word in COLOURS else encodable(word)
    print(click.style(encodable(printable(name)), bold=True) + painted + encodable(rest))


def _wrapped(text: str, room: int) -> list[str]:
    """Return the text in lines of this width; words stay whole, to be copied."""
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def size(count: int) -> str:
    """Return a number of bytes as a text for people."""
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count = round(count / 1000)
    return f"{count:,} GB"


def print_event(event: dict[str, Any]) -> None:
    """Print an event in one line: ``12:34:56 failed  0x1a2b  shop.charge  ValueError``."""
    moment = datetime.fromisoformat(event["time"]).astimezone(UTC).strftime("%H:%M:%S")
    name = f"{event['event']:<14}"
    if has_colour(sys.stdout):
        name = click.style(name, COLOURS.get(event["event"]))
    said = (event["job"] or event["worker"], event["call"], event["reason"])
    text = printable("  ".join(cut(str(one)) for one in said if one))
    print(f"{moment}  {name}  {encodable(text)}")
