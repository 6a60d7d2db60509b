"""ConflictCounts: which objects have cost how many retries, counted in the memory of a process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from zcasync.text import cut, printable

#: So many objects are counted at once; of more those that have cost least are dropped.
MOST_OBJECTS = 100
#: So many callables are named for an object: those that it has cost most.
MOST_CALLS = 3
#: A longer name of a class or a callable is cut.
NAME_CHARACTERS = 60


class Conflict(NamedTuple):
    """One attempt that is repeated for a conflict: the object's class and id, and the callables.

    Several, where several jobs have shared the commit.
    """

    kind: str
    oid: str
    calls: tuple[str, ...]


class ObjectConflicts(NamedTuple):
    """The conflicts on one object: how many, and how many of them by each callable."""

    kind: str
    oid: str
    retries: int
    calls: dict[str, int]


class ConflictCounts:
    """Counts by object, which several threads may add to.  Never more than ``MOST_OBJECTS``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._retries: Counter[tuple[str, str]] = Counter()
        self._calls: dict[tuple[str, str], Counter[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._retries)

    def add(self, conflict: Conflict) -> None:
        """Count one."""
        calls = {_name(call): 1 for call in conflict.calls}
        self.merge([ObjectConflicts(_name(conflict.kind), conflict.oid, 1, calls)])

    def merge(self, found: Iterable[ObjectConflicts]) -> None:
        """Add what was counted elsewhere."""
        with self._lock:
            for one in found:
                place = one.kind, one.oid
                self._retries[place] += one.retries
                self._calls.setdefault(place, Counter()).update(one.calls)
            for place, _ in self._retries.most_common()[MOST_OBJECTS:]:
                del self._retries[place], self._calls[place]

    def take(self, most: int = MOST_OBJECTS) -> list[ObjectConflicts]:
        """Return the objects that have cost most, so many at most, and forget these."""
        with self._lock:
            found = [
                ObjectConflicts(*place, retries, dict(self._calls[place].most_common(MOST_CALLS)))
                for place, retries in self._retries.most_common(most)
            ]
            for one in found:
                del self._retries[one.kind, one.oid], self._calls[one.kind, one.oid]
        return found


def from_rows(rows: Any) -> list[ObjectConflicts]:
    """Return what another process has sent, as lists.  Raises TypeError and ValueError."""
    found = []
    for kind, oid, retries, calls in rows:
        counts = {_name(str(name)): int(count) for name, count in calls.items()}
        found.append(ObjectConflicts(_name(str(kind)), _name(str(oid)), int(retries), counts))
    return found


def _name(text: str) -> str:
    return cut(printable(text), NAME_CHARACTERS)
