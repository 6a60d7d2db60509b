"""The check of a put: what it costs to find out that a worker can load what is stored."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from bench.place import Place
from bench.rows import Row, Say, middle
from bench.scale import Scale
from zcasync.job.values import require_loadable

#: So many checks are timed together.
AT_ONCE = 200


@dataclass
class Order:
    """A value of an application, as arguments are that are not plain."""

    number: int
    customer: str = "a name of some length"
    lines: list[tuple[str, int]] = field(default_factory=lambda: [("item", n) for n in range(20)])


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Microseconds of one check, for plain arguments and for others."""
    say("plain arguments, one of a class of the application, a large one")
    lines = [("item", number) for number in range(10_000)]
    return [
        _row("check of a put: three plain arguments", (1, "a text", [1, 2, 3]), scale),
        _row("check of a put: an object with 20 lines", (Order(1),), scale),
        _row("check of a put: an object with 10,000 lines", (Order(1, lines=lines),), scale, 1),
    ]


def _row(name: str, args: tuple[Any, ...], scale: Scale, count: int = AT_ONCE) -> Row:
    took = []
    for _ in range(scale.rounds):
        began = time.perf_counter()
        for _ in range(count):
            for number, value in enumerate(args):
                require_loadable(value, f"args[{number}]", "bench")
        took.append((time.perf_counter() - began) / count)
    return Row(name, 1e6 * middle(took), "µs")
