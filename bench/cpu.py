"""What the second child brings CPU-bound jobs, beside two bare processes with the same work."""

from __future__ import annotations

import os
import time
from typing import Any

from bench import calls
from bench.clients import together
from bench.place import Place
from bench.rows import Need, Row, Say, middle
from bench.scale import Scale
from zcasync.partial import Partial

#: Where two bare processes gain less than this, the machine has not two cores to give.
HONEST = 1.9


def spin_some(connection: Any, jobs: int, spin: int) -> float:
    """The same work without zcasync; returns how long it took, seconds."""
    began = time.perf_counter()
    for _ in range(jobs):
        calls.spin(spin)
    return time.perf_counter() - began


def with_children(place: Place, children: int, scale: Scale) -> float:
    """From the first start to the last end, seconds."""
    place.resize(children)
    with place.held_up():
        partials = place.manager.thread.put_many(
            Partial(calls.spin, scale.spin) for _ in range(scale.spins)
        )
        place.commit()
    place.wait_for(partials)
    first = min(partial._started for partial in partials)
    return (max(partial._ended for partial in partials) - first) / 1e6


def bare(place: Place, processes: int, scale: Scale) -> float:
    """The same with bare processes."""
    share = scale.spins // processes
    return max(together(spin_some, [(share, scale.spin)] * processes, place.home))


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Both speed-ups, measured in turn."""
    ours, theirs, overhead = [], [], []
    for number in range(max(1, scale.rounds // 2)):
        say(f"round {number + 1} of {max(1, scale.rounds // 2)}")
        bare_one, bare_two = bare(place, 1, scale), bare(place, 2, scale)
        one, two = with_children(place, 1, scale), with_children(place, 2, scale)
        ours.append(one / two)
        theirs.append(bare_one / bare_two)
        overhead.append(100 * (one / bare_one - 1))
    few = "" if middle(theirs) >= HONEST else f"two bare processes gain {middle(theirs):.2f}"
    if (os.cpu_count() or 1) < 2:
        few = "one core"
    return [
        Row("speed-up, two bare processes", middle(theirs), "x"),
        Row("speed-up, two children", middle(ours), "x", None, Need(1.7), few),
        Row("one child takes longer than a bare process by", middle(overhead), "%"),
    ]
