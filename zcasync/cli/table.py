"""Tables of text in a given width: numbers stay whole, words too, and no line ends in blanks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Sequence

GAP = "  "
RULE = "─"
#: Where a word may be broken that is longer than its column: behind these.
SOFT = re.compile(r"(?<=[./:,_(=-])")
#: The end of a text that was cropped.
MORE = "..."

#: ``paint(column, cell, text)``: the text of a cell, with blanks around it, in colours.
Paint = Callable[[str, str, str], str]


def unpainted(column: str, cell: str, text: str) -> str:
    """Return the text as it is."""
    return text


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    fold: Collection[str],
    width: int,
    crop: Collection[str] = (),
    paint: Paint = unpainted,
) -> list[str]:
    """Return the lines of a table: the names of the columns, a rule, and the rows.

    The columns in ``fold`` take the room that the others leave, and break their lines between
    words; those in ``crop`` take it too, and stay on one line.  Numbers are set to the right; None
    is a dash.
    """
    cells = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    widths = _widths(columns, cells, fold, crop, width)
    cells = [
        [
            cropped(cell, wide) if name in crop else cell
            for name, cell, wide in zip(columns, row, widths, strict=True)
        ]
        for row in cells
    ]
    right = [
        bool(rows) and all(isinstance(row[at], int) for row in rows) for at in range(len(widths))
    ]
    lines = _row_lines(columns, columns, widths, right, unpainted)
    lines.append(RULE * min(width, sum(widths) + len(GAP) * (len(widths) - 1)))
    for row in cells:
        lines += _row_lines(columns, row, widths, right, paint)
    return lines


def cropped(text: str, width: int) -> str:
    """Return the text, or its beginning where it is longer than the width."""
    return text if len(text) <= width else text[: max(0, width - len(MORE))] + MORE[:width]


def wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines of this width; a word is broken where it alone is longer."""
    words: list[str] = []
    for word in text.split():
        pieces = [word] if len(word) <= width else _broken(word, width)
        words += pieces
    lines = textwrap.wrap(" ".join(words), width, break_long_words=False, break_on_hyphens=False)
    return lines or [""]


def _broken(word: str, width: int) -> list[str]:
    """Return a long word in pieces, broken behind points and the like, else anywhere."""
    pieces: list[str] = []
    for part in SOFT.split(word):
        if pieces and len(pieces[-1]) + len(part) <= width:
            pieces[-1] += part
        else:
            pieces += [part[at : at + width] for at in range(0, len(part), width)]
    return pieces


def _widths(
    columns: Sequence[str],
    cells: list[list[str]],
    fold: Collection[str],
    crop: Collection[str],
    width: int,
) -> list[int]:
    """Return the widths of the columns; those that fold or are cropped share what others leave.

    Each that folds has room for its longest word first, as far as there is room.
    """
    widths = [max(map(len, one)) for one in zip(columns, *cells, strict=True)]
    folding = [at for at, name in enumerate(columns) if name in (*fold, *crop)]
    room = width - len(GAP) * (len(columns) - 1)
    room -= sum(one for at, one in enumerate(widths) if at not in folding)
    least = {at: len(columns[at]) for at in folding}
    least |= {
        at: _longest_word([columns[at], *(row[at] for row in cells)])
        for at in folding
        if columns[at] in fold
    }
    if sum(least.values()) > room:
        least = {at: len(columns[at]) for at in folding}
    room -= sum(least.values())
    for place, at in enumerate(sorted(folding, key=lambda at: widths[at] - least[at])):
        more = max(0, min(widths[at] - least[at], room // (len(folding) - place)))
        widths[at] = least[at] + more
        room -= more
    return widths


def _longest_word(texts: list[str]) -> int:
    return max(len(word) for text in texts for word in text.split() or [""])


def _row_lines(
    columns: Sequence[str],
    cells: Sequence[str],
    widths: list[int],
    right: list[bool],
    paint: Paint,
) -> list[str]:
    """Return the lines of one row."""
    folded = [
        wrapped(cell, wide) if len(cell) > wide else [cell]
        for cell, wide in zip(cells, widths, strict=True)
    ]
    lines = []
    for number in range(max(map(len, folded))):
        texts = [one[number] if number < len(one) else "" for one in folded]
        shown = [
            text.rjust(wide) if is_right else text.ljust(wide)
            for text, wide, is_right in zip(texts, widths, right, strict=True)
        ]
        shown[-1] = shown[-1].rstrip()
        painted = map(paint, columns, cells, shown)
        lines.append(GAP.join(painted).rstrip())
    return lines
