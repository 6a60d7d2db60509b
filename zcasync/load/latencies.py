"""Latencies: counts of times in narrow classes, so that any number of them needs little memory."""

from __future__ import annotations

import math
from collections import Counter

#: A class ends so much later than it begins: what is told of a time is right to half of that.
RATIO = 1.01
_STEP = math.log(RATIO)
#: The parts of all times that are told.
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Latencies:
    """Times in microseconds."""

    def __init__(self) -> None:
        self._classes: Counter[int] = Counter()
        self.count = 0
        self.total = 0
        self.longest = 0

    def add(self, time: float) -> None:
        """Count one; below a microsecond it is none."""
        number = 0 if time <= 1 else 1 + int(math.log(time) / _STEP)
        self._classes[number] += 1
        self.count += 1
        self.total += max(0, round(time))
        self.longest = max(self.longest, round(time))

    def at(self, share: float) -> float:
        """Return the time that this share of all do not exceed; 0 where there is none."""
        left = math.ceil(share * self.count)
        for number, count in sorted(self._classes.items()):
            left -= count
            if left <= 0:
                middle = math.exp((number - 0.5) * _STEP)
                return 0.0 if number == 0 else min(middle, float(self.longest))
        return 0.0

    @property
    def mean(self) -> float:
        """The mean; 0 where there is none."""
        return self.total / self.count if self.count else 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the shares and the longest, in seconds."""
        found = {name: self.at(share) / 1e6 for name, share in SHARES.items()}
        return {name: float(f"{time:.3g}") for name, time in found.items()} | {
            "max": self.longest / 1e6
        }
