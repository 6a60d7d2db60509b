"""What ``bench`` prints: the figures of a load, and what has limited it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcasync.instance.home import Home
    from zcasync.load.figures import Figures
    from zcasync.load.mix import Mix

COLUMNS = ("MILLISECONDS", "P50", "P95", "P99", "LONGEST")
#: What each line of times is about.
LINES = {
    "late": "late: from its moment to the begin of a put",
    "put": "put: from its moment to the commit",
    "start": "start: from the commit to the begin of the call",
    "result": "result: from the moment of the put to the end",
}
CORES = ("clients", "supervisor", "children", "server", "all")


def document(
    figures: Figures, home: Home, queue: str, mix: Mix, left: int, is_interrupted: bool
) -> dict[str, Any]:
    """Return the document of ``bench --json``."""
    from zcasync.load.limits import is_kept, limits

    return {
        "home": str(home.path),
        "queue": queue,
        "mix": {name: round(share, 4) for name, share in mix.shares.items()},
        **figures.as_dict(),
        "kept": is_kept(figures),
        "limits": [one.as_dict() for one in limits(figures)],
        "left": left,
        "interrupted": is_interrupted,
    }


def print_report(found: dict[str, Any]) -> None:
    """Print a document for people."""
    from zcasync.cli.output import print_facts, print_line, print_table

    rows = [
        (text, *(_milliseconds(found["latencies"][name][key]) for key in _keys()))
        for name, text in LINES.items()
    ]
    print_table(COLUMNS, rows)
    print_line()
    print_facts(_facts(found))


def print_left(count: int, remedy: str) -> None:
    """Print how many jobs of the load are left, and how they are removed."""
    from zcasync.cli.output import print_line

    jobs = "1 job that still runs is" if count == 1 else f"{count:,} jobs that still run are"
    print_line(f"{jobs} left; later remove them with: {remedy}")


def _keys() -> tuple[str, ...]:
    return "p50", "p95", "p99", "max"


def _milliseconds(seconds: float) -> str:
    milliseconds = 1000 * seconds
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.1f}"


def _facts(found: dict[str, Any]) -> Iterator[tuple[str, object]]:
    rate, conflicts = found["rate"], found["conflicts"]
    yield (
        "Rate",
        f"{rate['put']:g} puts a second of {rate['asked']:g}, {rate['completed']:g} jobs ended a "
        "second",
    )
    yield "Puts", _puts(found)
    yield (
        "Conflicts",
        f"{conflicts['puts']:,} of puts, {_known(conflicts['passes'])} of the supervisor's "
        f"passes, {conflicts['jobs']:,} of jobs",
    )
    if found["children"]["number"] is not None:
        number, busy = found["children"]["number"], found["children"]["busy"]
        yield "Children", f"{number:.0f}, busy for {100 * (busy or 0):.0f} % of the time"
    yield "Cores in use", _cores(found)
    if found["clocks_differ"]:
        yield (
            "Clocks",
            "calls began before they were put: the worker's clock is behind that of this "
            "machine, and start and result are too short by that",
        )
    for one in found["limits"]:
        yield "Limited by", f"{one['what']}: {one['why']}; {one['remedy']}"
    if not found["limits"]:
        yield "Limited by", "nothing: the rate was kept"


def _puts(found: dict[str, Any]) -> str:
    parts = [
        f"{found['puts']:,} in {found['seconds']:g} s by {found['clients']:,} clients in "
        f"{found['processes']} processes",
        f"{found['completed']:,} jobs ended",
    ]
    words = {
        "failed": "of them failed",
        "unended": "had not ended",
        "gone": "are gone already",
        "lost": "puts were lost with the storage",
    }
    parts += [f"{found[name]:,} {text}" for name, text in words.items() if found[name]]
    return ", ".join(parts)


def _cores(found: dict[str, Any]) -> str:
    used = found["processors"]
    parts = [f"{name} {used[name]:.2f}" for name in CORES if name in used]
    return f"{', '.join(parts)} of {found['cores']} on this machine"


def _known(count: int | None) -> str:
    return "an unknown number" if count is None else f"{count:,}"
