"""Printing for commands: JSON documents, tables of up to 100 columns, times, texts for people.

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
from typing import TYPE_CHECKING, Any, TextIO

import click

from zcasync.text import cut, printable, printable_lines, span

if TYPE_CHECKING:
    from rich.table import Table

WIDTH = 100
#: Terminals that know no colours.
DUMB = ("", "dumb", "unknown")
#: The colours of words, in the columns below and at the beginning of a fact.
COLOURS = {
    **dict.fromkeys(("running", "busy", "active", "completed", "callbacks"), "green"),
    **dict.fromkeys(("ghost", "dead", "usurped", "failed", "worker-lost", "CRITICAL"), "red"),
    **dict.fromkeys(("silent", "stopping", "retried", "cancelled", "WARNING"), "yellow"),
}
COLOURED = {"STATE", "ENGINE", "EVENT"}


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
    file = file or sys.stdout
    encoding = file.encoding or "utf-8"
    print(printable(text).encode(encoding, "backslashreplace").decode(encoding), file=file)


def print_lines(text: str, indent: str, file: TextIO | None = None) -> None:
    """Print a text of several lines, indented, on standard output or in ``file``."""
    print(printable_lines(text.rstrip("\n"), indent), file=file)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], fold: Collection[str] = ()
) -> None:
    """Print a table; numbers are set to the right.

    The columns in ``fold`` take the room that is left and break their lines; others never do.
    """
    from rich.console import Console

    colour = has_colour(sys.stdout)
    Console(
        file=sys.stdout,
        width=min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns),
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else None,
    ).print(table(columns, rows, fold))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    fold: Collection[str] = (),
    shrink: Collection[str] = (),
) -> Table:
    """Return a table as ``print_table`` prints it; what it holds is made printable.

    ``shrink``: columns that take the room that is left, too, and are cut to one line.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = list(rows)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for number, name in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[number], int) for row in rows)
        made.add_column(
            Text(name),
            justify="right" if is_number else "left",
            no_wrap=name not in (*fold, *shrink),
            overflow="fold" if name in fold else "ellipsis",
        )
    for row in rows:
        texts = ["-" if cell is None else str(cell) for cell in row]
        made.add_row(
            *(
                Text(
                    printable(text),
                    _colour(text) if name in COLOURED else "",
                    no_wrap=name in shrink or None,
                )
                for name, text in zip(columns, texts, strict=True)
            )
        )
    return made


def _colour(text: str) -> str:
    """Return the colour of a text that begins with one of the words that have one; else ''."""
    return COLOURS.get(text.replace(":", " ").partition(" ")[0], "")


class Verbatim(str):
    """A text to be copied, a command for instance: it stays on one line, however long it is."""


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair in a line, without those that are None."""
    shown = [(name, value) for name, value in facts if value is not None]
    wide = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        text = printable(f"{name:<{wide}}  {value}")
        is_long = len(text) > WIDTH and not isinstance(value, Verbatim)
        first, *others = _wrapped(text, wide + 2) if is_long else [text]
        _print_fact(first, wide)
        for line in others:
            print_line(line)


def _print_fact(text: str, wide: int) -> None:
    """Print the first line of a fact, on a terminal its name bold and its first word coloured."""
    if not has_colour(sys.stdout):
        print_line(text)
        return
    name, value = text[:wide], text[wide:]
    word = value.strip().replace(":", " ").partition(" ")[0]
    painted = value.replace(word, click.style(word, COLOURS[word]), 1) if word in COLOURS else value
    print(click.style(name, bold=True) + painted)


def _wrapped(text: str, indent: int) -> list[str]:
    """Return the text in lines of the usual width; words stay whole, to be copied."""
    return textwrap.wrap(
        text,
        WIDTH,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def ago(moment: datetime | str | None) -> str | None:
    """Return a moment as distance from now: ``12 s ago``, ``in 5 min``."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(seconds)}"


def at(moment: str | None) -> str | None:
    """Return a moment with its distance: ``2026-01-02 03:04:05 UTC (12 s ago)``."""
    if moment is None:
        return None
    shown = datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{shown} ({ago(moment)})"


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
    print(f"{moment}  {name}  {text}")
