"""The figures of ``million`` in ``docs/sizing.rst``: a table with a column a size, two plots."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.million import AT
from bench.report import number

#: What the first plot shows, by the number of jobs, each beside itself at the fewest.
BY_JOBS = {
    "a pass with nothing to do": "pass",
    "claim of 20": "claim of 20",
    "status": "status",
    "jobs --limit 20": "jobs --limit 20",
    "put": "put",
    "memory of the server": "memory of the server",
    "check --deep": "check --deep",
}
#: And the second, by the number of clients.
BY_CLIENTS = {
    "a pass with nothing to do": "pass",
    "claim of 20": "claim of 20, nothing loaded",
    "status": "status",
    "memory of the supervisor": "memory of the supervisor",
}
AXES = ("jobs that wait, and as many that are over", "clients, each with a lane of its own")
COLOURS = ("#1f4e79", "#c8641e", "#5b8c5a", "#8a5a9e", "#9db9d5", "#b8a13a", "#444444")

#: Jobs and clients.
Size = tuple[int, int]


def by_figure(rows: Iterable[dict[str, Any]]) -> tuple[list[Size], dict[str, dict[Size, Any]]]:
    """Return the sizes, and of each figure the row at each size."""
    found: dict[str, dict[Size, Any]] = {}
    sizes: dict[Size, None] = {}
    for row in rows:
        name, _, text = row["name"].partition(AT)
        jobs, clients = (int(one.split()[0].replace(",", "")) for one in text.split(", "))
        sizes[jobs, clients] = None
        found.setdefault(name, {})[jobs, clients] = row
    return sorted(sizes, key=lambda size: (size[1], size[0])), found


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The figures as reStructuredText."""
    sizes, found = by_figure(rows)
    heads = ["Figure", *(f"{jobs:,} jobs, {clients:,} clients" for jobs, clients in sizes)]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += _row(heads)
    for name, values in found.items():
        unit = next(iter(values.values()))["unit"]
        cells = [number(values[size]["value"]) if size in values else "" for size in sizes]
        lines += _row([f"{name}, {unit}", *cells])
    return "\n".join(lines)


def _row(cells: list[str]) -> list[str]:
    first, *others = cells
    return [f"   * - {first}", *(f"     - {one}".rstrip() for one in others)]


def plot(rows: Iterable[dict[str, Any]], docs: Path, finish: Any) -> None:
    """Write both plots; ``finish(figure, axes, path)`` makes a file of one."""
    sizes, found = by_figure(rows)
    few = min(clients for _, clients in sizes)
    fewest = min(jobs for jobs, _ in sizes)
    by_jobs = [one for one in sizes if one[1] == few]
    by_clients = [one for one in sizes if one[0] == fewest]
    _lines(_labelled(BY_JOBS, found), by_jobs, 0, docs / "sizing-jobs.svg", finish)
    _lines(_labelled(BY_CLIENTS, found), by_clients, 1, docs / "sizing-clients.svg", finish)


def _labelled(shown: dict[str, str], found: dict[str, dict[Size, Any]]) -> dict[str, Any]:
    return {label: found.get(name, {}) for name, label in shown.items()}


def _lines(
    shown: dict[str, dict[Size, Any]],
    sizes: list[Size],
    place: int,
    path: Path,
    finish: Any,
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    for colour, (label, values) in zip(COLOURS, shown.items(), strict=False):
        here = [one for one in sizes if one in values]
        if len(here) > 1:
            first = values[here[0]]["value"]
            times = [values[one]["value"] / first for one in here]
            axes.plot([one[place] for one in here], times, color=colour, marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(AXES[place])
    axes.set_ylabel("times that of the fewest")
    axes.legend(frameon=False, fontsize="small")
    finish(figure, axes, path)
