"""Counting the tokens of source files: the pure function that the jobs and the check share."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Counted:
    """The counts of one file; ``mentions``: the number of lines on which each token stands."""

    lines: int
    tokens: int
    mentions: dict[str, int]


@dataclass(frozen=True)
class Totals:
    """The counts of many files; ``skipped`` files could not be read as Python."""

    files: int = 0
    lines: int = 0
    tokens: int = 0
    skipped: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.files + other.files,
            self.lines + other.lines,
            self.tokens + other.tokens,
            self.skipped + other.skipped,
        )

    @classmethod
    def of(cls, counted: Counted | None) -> Totals:
        """Return the totals of one file; None: it was skipped."""
        if counted is None:
            return cls(skipped=1)
        return cls(1, counted.lines, counted.tokens)


@dataclass
class PlainCount:
    """Totals and, for some tokens, the number of files that mention them, counted without jobs."""

    totals: Totals = field(default_factory=Totals)
    files_with: dict[str, int] = field(default_factory=dict)


def count(source: bytes) -> Counted | None:
    """Count the names and keywords in a source text; None when it is not valid Python."""
    mentions: dict[str, int] = {}
    last_line: dict[str, int] = {}
    tokens = 0
    try:
        for kind, text, (line, _), _, _ in tokenize.tokenize(io.BytesIO(source).readline):
            if kind == tokenize.NAME:
                tokens += 1
                if last_line.get(text) != line:
                    last_line[text] = line
                    mentions[text] = mentions.get(text, 0) + 1
    except (SyntaxError, tokenize.TokenError, UnicodeDecodeError):
        return None
    return Counted(len(source.splitlines()), tokens, mentions)


def count_file(path: Path) -> Counted | None:
    """Count as ``count`` does, in a file; None too when it cannot be opened."""
    try:
        source = path.read_bytes()
    except OSError:
        return None
    return count(source)


def plain_count(
    root: Path,
    names: Iterable[str],
    tokens: Iterable[str],
    counted: Callable[[], None] = lambda: None,
) -> PlainCount:
    """Count files one after the other in this process; ``counted()`` is called after each."""
    plain = PlainCount(files_with=dict.fromkeys(tokens, 0))
    for name in names:
        found = count_file(root / name)
        plain.totals += Totals.of(found)
        if found is not None:
            for token in plain.files_with:
                plain.files_with[token] += token in found.mentions
        counted()
    return plain
