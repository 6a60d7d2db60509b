"""Texts for people: durations, sizes, shortened and printable texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: Longer texts are cut where people read them.
CELL_CHARACTERS = 200


#: The end of a text that was cut.
CUT = re.compile(r"\.\.\. \([0-9,]+ characters\)$")


def printable(text: str) -> str:
    """Return the text as one line in which nothing acts on the terminal or the log that shows it.

    Control characters (newlines and tabs too), separators of lines, invisible and bidirectional
    formatting, and lone surrogates are written as in a string literal: ``\\x1b``, ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def printable_lines(text: str, indent: str = "") -> str:
    """Return a text of several lines, each of them ``printable`` and indented; tabs stay.

    The indent keeps a line of the text from being taken for one that we have written.
    """
    return "\n".join(
        indent + "\t".join(map(printable, line.split("\t"))) for line in text.split("\n")
    )


def message_of(error: BaseException) -> str:
    """Return what an exception says, as a plain text; never raises an Exception.

    That runs the code of its class.
    """
    try:
        return str.__str__(str(error))
    except (Exception, SystemExit) as other:  # a broken __str__ must not hide what it is about
        return f"<message unavailable: __str__ raised {type(other).__name__}>"


def repr_of(value: object, limit: int = CELL_CHARACTERS) -> str:
    """Return ``repr`` of a value for a message, cut; never raises an Exception.

    That runs the code of its class.
    """
    try:
        return cut(str.__str__(repr(value)), limit)
    except (Exception, SystemExit) as error:  # what is said about it matters more
        kind = type(value)
        return f"<{kind.__module__}.{kind.__qualname__}: repr raised {type(error).__name__}>"


def cut(text: str, limit: int = CELL_CHARACTERS) -> str:
    """Return the text, cut to ``limit`` characters, with its length at the end."""
    if len(text) <= limit:
        return text
    before = CUT.search(text)
    end = before[0] if before else f"... ({len(text):,} characters)"
    return text[: max(0, limit - len(end))] + end


def shorten(text: str, limit: int) -> str:
    """Return the text, its middle cut out where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    cut = len(text) - limit
    return f"{text[: limit // 2]}\n... {cut} characters left out ...\n{text[-(limit // 2) :]}"


#: Units of time for people: name, seconds, and the largest number of them that is shown.
UNITS = (
    ("ms", 0.001, 999.5),
    ("s", 1, 99.5),
    ("min", 60, 99.5),
    ("h", 3600, 47.5),
    ("days", 86400, 1e9),
)


def span(seconds: float) -> str:
    """Return a duration for people: ``0.4 ms``, ``12 s``, ``3 min``, ``5 h``, ``4 days``."""
    size = abs(seconds)
    for name, unit, most in UNITS:
        count = size / unit
        if count < most:
            return f"{count:.0f} {name}" if count >= 1 or not count else f"{count:.1g} {name}"
    return "for ever"


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


def megabytes(size: int) -> str:
    """Return a size in bytes for people: ``12 MB``."""
    return f"{size / 2**20:.0f} MB"
