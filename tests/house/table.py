"""The figures of one or several checkouts side by side, within 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.house.figures import PARAMETERS, SCREEN, Figures

WIDTH = 100
NAMES = 44
#: The rows that show how many places there are.
LISTS = (
    ("imports inside functions outside cli", "imports_inside_functions"),
    ("private names of other folders", "private_of_other_folders"),
    ("  of another file of the folder", "private_of_other_files"),
    ("  of libraries, outside zeo", "private_of_libraries"),
    ("  of libraries, in zeo", "private_of_libraries_in_zeo"),
    ("public names without docstring", "public_without_docstring"),
    (f"functions over {SCREEN} lines", "long_functions"),
    (f"functions with over {PARAMETERS} parameters", "many_parameters"),
)


def table(several: Sequence[Figures]) -> str:
    """The whole table."""
    rows = [
        ("", [one.root for one in several]),
        *_totals(several),
        *_lists(several),
        *_longest(several),
        ("", []),
        ("modules, lines", []),
        *_folders(several),
    ]
    width = min(28, (WIDTH - NAMES) // len(several))
    return "\n".join(_row(name, cells, width) for name, cells in rows)


def _row(name: str, cells: Sequence[str], width: int) -> str:
    return (name.ljust(NAMES) + "".join(_end(cell, width - 2) for cell in cells)).rstrip()


def _end(text: str, width: int) -> str:
    """The text, or its end, in a column of this width."""
    return "  " + (text if len(text) <= width else f"...{text[3 - width :]}").rjust(width)


def _totals(several: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    totals = [
        [sum(column) for column in zip(*one.folders.values(), strict=True)] for one in several
    ]
    yield "modules, lines", [_pair(*total) for total in totals]
    yield "imports between rooms", [str(one.imports_between_rooms) for one in several]
    yield "  arrows from room to room", [str(one.arrows_between_rooms) for one in several]
    yield "imports back up", [str(len(one.imports_back_up)) for one in several]
    yield "circles of modules, their sizes", [_sizes(one.circles_of_modules) for one in several]
    yield "circles of rooms, their sizes", [_sizes(one.circles_of_rooms) for one in several]
    yield (
        "docstrings, opening with a question word",
        [_share(len(one.docstrings_that_ask), one.docstrings) for one in several],
    )


def _lists(several: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    for name, attribute in LISTS:
        yield name, [str(len(getattr(one, attribute))) for one in several]


def _longest(several: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    functions = [one.longest_function for one in several]
    yield "longest function", [f"{name} {lines}" for lines, _, name in functions]
    files = [one.longest_file for one in several]
    yield "longest file", [f"{Path(path).name} {lines}" for lines, path in files]


def _folders(several: Sequence[Figures]) -> Iterator[tuple[str, list[str]]]:
    for folder in sorted({folder for one in several for folder in one.folders}):
        cells = [one.folders.get(folder) for one in several]
        yield f"  {folder}", [_pair(*cell) if cell else "-" for cell in cells]


def _pair(modules: int, lines: int) -> str:
    return f"{modules:>4} {lines:>7,}"


def _share(some: int, of: int) -> str:
    return f"{of:,}, {some / of:.1%}" if of else "0"


def _sizes(circles: list[list[str]]) -> str:
    return ", ".join(str(len(circle)) for circle in circles) or "none"
