"""All measures by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from bench import (
    checks,
    cpu,
    depth,
    floor,
    flows,
    footprint,
    latency,
    million,
    schedules,
    storages,
    throughput,
    writers,
)
from bench.place import Place, served
from bench.rows import Row, Say
from bench.scale import Scale

#: These share one supervisor with two children.
SHARED: dict[str, Callable[[Place, Scale, Say], list[Row]]] = {
    "floor": floor.measure,
    "throughput": throughput.measure,
    "checks": checks.measure,
    "latency": latency.measure,
    "trips": latency.measure_trips,
    "chains": throughput.measure_chains,
    "flows": flows.measure,
    "bytes": footprint.measure_bytes,
    "memory": footprint.measure_memory,
    "idle": footprint.measure_idle,
    "cpu": cpu.measure,
    "bulk": throughput.measure_bulk,  # behind it a lot waits and the children are gone
}
#: These have supervisors of their own.
APART: dict[str, Callable[[Scale, Say], list[Row]]] = {
    "contention": writers.measure,
    "schedules": schedules.measure,
    "depth": depth.measure,
}
NAMES = [*SHARED, *APART]
#: These take very long, and are made only where they are named.
LONG: dict[str, Callable[[Scale, Say], list[Row]]] = {"million": million.measure}


def run(
    names: list[str], scale: Scale, say: Say, beside: str | None = None
) -> Iterator[tuple[str, list[Row]]]:
    """Each of the named measures with its rows.

    ``beside``: the configuration of another storage, which is measured beside the embedded default,
    and nothing else is.
    """
    if beside is not None:
        yield "beside", storages.measure(beside, scale, _within("beside", say))
        return
    with ExitStack() as stack:
        place: Place | None = None
        for name, measure in SHARED.items():
            if name in names:
                say(f"{name}: ")
                place = place or stack.enter_context(served())
                yield name, measure(place, scale, _within(name, say))
    for name, apart in (APART | LONG).items():
        if name in names:
            yield name, apart(scale, _within(name, say))


def _within(name: str, say: Say) -> Say:
    return lambda what: say(f"{name}: {what}")
