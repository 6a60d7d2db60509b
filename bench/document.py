"""``python -m bench.document bench.json``: puts a run's figures and two plots into the documents.

The table goes between two marks of ``docs/performance.rst``, the plots beside it as SVG files;
those of ``million`` go into ``docs/sizing.rst``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bench import sizing
from bench.report import number

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN = ".. the figures begin"
END = ".. the figures end"
HEADINGS = ("Measure", "Value", "Of the floor", "Must", "Holds")
#: Bars of the first plot: the names of rows, and what to write beside the bar.
BARS = {
    "put, a commit each": "put",
    "drain of no-ops, 2 children": "drain",
    "drain with group commit, 2 children": "drain, group commit",
    "put_many of 5,000 in one commit": "put_many",
    "round trips, one after another": "round trips",
}
DARK, LIGHT, WARM = "#1f4e79", "#9db9d5", "#c8641e"


def rows_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows of a JSON file, in their order."""
    return [row for rows in found["measures"].values() for row in rows]


def texts(row: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one row."""
    value = f"{number(row['value'])} {row['unit']}".strip()
    ratio = "" if row["ratio"] is None else number(row["ratio"])
    return (row["name"], value, ratio, row["need"] or "", row["verdict"])


def table(found: dict[str, Any]) -> str:
    """The figures as reStructuredText, with a line about where they come from."""
    about = found["about"]
    rows = [HEADINGS, *map(texts, rows_of(found))]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    rule = "  ".join("=" * width for width in widths)
    lines = []
    for row in rows:
        # A first cell may not be empty; an empty one elsewhere is an escaped space.
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([origin(about), "", rule, lines[0], rule, *lines[1:], rule])


def origin(about: dict[str, Any]) -> str:
    """Where and with what a run was made."""
    versions = ", ".join(f"{name} {about[name]}" for name in ("ZODB", "ZEO", "Twisted"))
    return (
        f"Measured {about['when'][:10]} on {about['cores']} cores ({about['system']}), load before "
        f"{about['load_per_core_before']:g} a core,\nPython {about['python']}, {versions}."
    )


def insert(text: str, figures: str) -> str:
    """The document with other figures between its marks.  ValueError where it has no marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{figures}\n\n{END}{after}"


def plot_ratios(found: dict[str, Any], path: Path) -> None:
    """Bars: how many times the floor, on a logarithmic scale."""
    from matplotlib.figure import Figure

    rows = {row["name"]: row for row in rows_of(found) if row["ratio"] is not None}
    shown = [(label, rows[name]) for name, label in BARS.items() if name in rows][::-1]
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    values = [row["ratio"] for _, row in shown]
    bars = axes.barh([label for label, _ in shown], values, color=DARK)
    axes.bar_label(bars, [f"{value:.2f}" for value in values], padding=4)
    axes.axvline(1, color=WARM)
    axes.set_xscale("log")
    axes.set_xlim(right=3 * max(values))
    axes.set_xlabel("times the rate of raw commits of one client")
    _finish(figure, axes, path)


def plot_depth(found: dict[str, Any], path: Path) -> None:
    """Bars: the drain beside that of a queue in which nothing else waits."""
    from matplotlib.figure import Figure

    marks = ("drain with ", ", dearer by")
    drains = {
        row["name"].removeprefix(marks[0]).removesuffix(marks[1]): 1 / (1 + row["value"] / 100)
        for row in found["measures"].get("depth", [])
        if row["name"].startswith(marks[0]) and row["name"].endswith(marks[1])
    }
    if not drains:
        return
    figure = Figure(figsize=(7, 2.2), layout="constrained")
    axes = figure.subplots()
    labels = list(drains)[::-1]
    colours = [DARK if label.endswith("pending") else LIGHT for label in labels]
    bars = axes.barh(labels, [drains[label] for label in labels], color=colours)
    axes.bar_label(bars, [f"{drains[label]:.2f}" for label in labels], padding=4)
    axes.axvline(1, color=WARM)
    axes.set_xlim(right=1.15 * max(1.0, *drains.values()))
    axes.set_xlabel("drain of no-ops, times that of a queue in which nothing else waits")
    _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    # Neither date nor random names: the same figures make the same file.
    from matplotlib import rc_context

    with rc_context({"svg.hashsalt": "zcasync", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
    path.write_text("\n".join(map(str.rstrip, path.read_text().splitlines())) + "\n")


def _write_sizes(found: dict[str, Any]) -> None:
    page = DOCS / "sizing.rst"
    rows = found["measures"]["million"]
    figures = f"{origin(found['about'])}\n\n{sizing.table(rows)}"
    page.write_text(insert(page.read_text(), figures))
    sizing.plot(rows, DOCS, _finish)


def main() -> int:
    """Read a JSON file, write the documents."""
    found = json.loads(Path(sys.argv[1]).read_text())
    if "million" in found["measures"]:
        _write_sizes(found)
        return 0
    page = DOCS / "performance.rst"
    page.write_text(insert(page.read_text(), table(found)))
    plot_ratios(found, DOCS / "performance-ratios.svg")
    plot_depth(found, DOCS / "performance-depth.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
