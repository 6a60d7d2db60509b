"""The table and the JSON file of a run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.rows import Row

WIDTHS = (46, 12, 14, 10, 16, 8)
HEADINGS = ("", "value", "unit", "of floor", "must", "holds")
#: More processes than this wait for each core: absolute figures say nothing, ratios less.
BUSY = 0.5


def number(value: float | None) -> str:
    """For people: three digits that mean something."""
    if value is None:
        return ""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return (
        f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"
    )


def cells(row: Row) -> tuple[str, ...]:
    """The texts of one line."""
    need = "" if row.need is None else str(row.need)
    return (row.name, number(row.value), row.unit, number(row.ratio), need, row.verdict)


def line(texts: Iterable[str]) -> str:
    """One line of the table."""
    parts = []
    for place, (text, width) in enumerate(zip(texts, WIDTHS, strict=True)):
        parts.append(text.rjust(width) if place in (1, 3) else text.ljust(width))
    return " ".join(parts).rstrip()


def heading() -> str:
    """The lines above the table."""
    return f"{line(HEADINGS)}\n{'-' * (sum(WIDTHS) + len(WIDTHS) - 1)}"


def load() -> float:
    """Processes that want to run, for each core, as a mean of the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def machine(load_before: float) -> dict[str, Any]:
    """Where and with what it was measured."""
    packages = ("ZODB", "ZEO", "Twisted", "persistent")
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "load_per_core_before": round(load_before, 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def write(path: Path, about: dict[str, Any], found: dict[str, list[Row]]) -> None:
    """The JSON file."""
    measures = {name: [row.as_dict() for row in rows] for name, rows in found.items()}
    path.write_text(json.dumps({"about": about, "measures": measures}, indent=2) + "\n")
