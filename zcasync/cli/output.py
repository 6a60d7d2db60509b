"""Printing for commands: JSON documents, tables in the width of the terminal, times, sizes."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from zcasync.cli.table import GAP, RULE, table
from zcasync.text import printable, printable_lines, span

#: The width of what is printed is that of the terminal, within these; elsewhere PIPED.
NARROWEST, WIDEST, PIPED = 80, 200, 100


def width() -> int:
    """Return how many columns what is printed may have: ``COLUMNS``, else those of the terminal."""
    columns = shutil.get_terminal_size((PIPED, 24)).columns
    return min(max(columns, NARROWEST), WIDEST)


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
    shown = printable_lines(text.rstrip("\n"), indent)
    print("\n".join(line.rstrip() for line in shown.split("\n")), file=file)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], fold: Collection[str] = ()
) -> None:
    """Print a table; numbers are set to the right.

    The columns in ``fold`` take the room that is left and break their lines between words; others
    never do.
    """
    shown = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    for number, line in enumerate(table(columns, shown, fold, width())):
        print_line(line if number != 1 or _can_print(RULE) else "-" * len(line))


def _can_print(text: str) -> bool:
    """Return whether standard output knows the characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
        for number, line in enumerate(_wrapped(text, room) if is_long else [text]):
            print_line(f"{name if not number else '':<{wide}}{GAP}{line}".rstrip())


def _wrapped(text: str, room: int) -> list[str]:
    """Return the text in lines of this width; words stay whole, to be copied."""
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False)


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
