"""The mix of a load: which share each kind of call has, and which call comes when."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Any

from zcasync.load.calls import CALLS

#: Steps of this part of 1 never meet a place again, and are spread evenly at any time.
STEP = (math.sqrt(5) - 1) / 2


class Mix:
    """Shares of kinds, made of a text such as ``noop=80,cpu=20``.  Raises ValueError."""

    def __init__(self, text: str) -> None:
        weights: dict[str, float] = {}
        for part in text.split(","):
            name, equals, weight = (one.strip() for one in part.partition("="))
            if name not in CALLS:
                raise ValueError(f"{name!r} is no kind of call: there are {', '.join(CALLS)}")
            if name in weights:
                raise ValueError(f"{name} is named twice")
            weights[name] = _weight(weight, part) if equals else 1.0
        total = sum(weights.values())
        self.shares = {name: weight / total for name, weight in weights.items()}
        self._ends = list(accumulate(self.shares.values()))

    def __str__(self) -> str:
        return ",".join(f"{name}={100 * share:g}" for name, share in self.shares.items())

    def kind(self, number: int) -> str:
        """Return the kind of the put with this number: the same each time, and evenly spread."""
        place = number * STEP % 1
        ends = zip(self.shares, self._ends, strict=True)
        return next((name for name, end in ends if place < end), next(reversed(self.shares)))

    def calls(self) -> list[tuple[Any, tuple[Any, ...]]]:
        """Return the calls of all kinds that it has, with their arguments."""
        return [CALLS[name] for name in self.shares]


def _weight(text: str, part: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise ValueError(f"{part.strip()!r} has no weight above 0")
    return found
