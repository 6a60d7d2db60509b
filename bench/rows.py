"""What a measure finds: rows with a value, its ratio to the floor, and what has to hold."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Need:
    """A bound that the value, or the ratio of a row that has one, must keep.

    ``is_aim``: a goal, not a promise; missing it is told, but is no failure.
    """

    limit: float
    at_most: bool = False
    is_aim: bool = False

    def holds(self, value: float) -> bool:
        """Whether the value keeps it."""
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        return f"{'aim ' if self.is_aim else ''}{sign} {self.limit:,g}"


@dataclass(frozen=True)
class Row:
    """One line of the table.  ``ratio``: to raw commits of one client, where that means something.

    ``unknown`` says why this run cannot decide whether ``need`` holds.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    need: Need | None = None
    unknown: str = ""

    @property
    def verdict(self) -> str:
        """``yes``, ``NO``, ``missed`` (an aim), ``?`` (cannot be decided), or nothing."""
        if self.need is None:
            return ""
        if self.unknown:
            return "?"
        if self.need.holds(self.value if self.ratio is None else self.ratio):
            return "yes"
        return "missed" if self.need.is_aim else "NO"

    def as_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        need = None if self.need is None else str(self.need)
        return {**asdict(self), "need": need, "verdict": self.verdict}


#: Tells whoever watches what is being done.
Say = Callable[[str], None]


def middle(values: Iterable[float]) -> float:
    """The median: one disturbed round does not decide."""
    return statistics.median(values)


def percentile(values: Iterable[float], percent: float) -> float:
    """The value that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def per_second(moments: Iterable[int | None], skip: float = 0.0) -> float:
    """How many of these moments (microseconds) there are a second.

    ``skip``: the share of them, from the first on, that is left out.  0: too few to tell.
    """
    ordered = sorted(moment for moment in moments if moment is not None)
    if len(ordered) < 2:
        return 0.0
    first = int(len(ordered) * skip)
    return 1e6 * (len(ordered) - 1 - first) / max(1, ordered[-1] - ordered[first])
