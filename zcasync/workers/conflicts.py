"""Conflicts of a worker, as they are stored: by object, for today and the day before.

A record of the worker's own, which only its engine writes, and not often: it meets nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from persistent import Persistent

from zcasync import clock
from zcasync.job.conflict_counts import MOST_CALLS, MOST_OBJECTS, ObjectConflicts
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_count,
    is_moment,
    is_text,
    needs,
    stored,
    tuple_of,
)
from zcasync.job.loadable import why_unloadable
from zcasync.unpublished import Unpublished

#: So many days are kept, that of today among them.
MOST_DAYS = 2
DAY = 24 * 3600 * 1_000_000


class Seen(NamedTuple):
    """The conflicts on one object, and the moment of the last ones, microseconds."""

    kind: str
    oid: str
    retries: int
    last: int
    calls: tuple[tuple[str, int], ...]


def _is_call(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 2:
        return False
    return is_text(value[0]) and is_count(value[1])


def _is_seen(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 5:
        return False
    kind, oid, retries, last, calls = value
    is_named = is_text(kind) and is_text(oid)
    return is_named and is_count(retries) and is_moment(last) and tuple_of(_is_call)(calls)


class ConflictDay(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The objects that have cost most on one day; ``day``: the number of it since 1970, in UTC."""

    _field_types: ClassVar[dict[str, Check]] = {
        "day": is_count,
        "objects": tuple_of(_is_seen),
        ALL: needs("day", "objects"),
    }

    def __init__(self, day: int) -> None:
        self.day = day
        self.objects: tuple[tuple[Any, ...], ...] = ()

    def add(self, found: Iterable[ObjectConflicts], moment: int) -> None:
        """Add what was counted up to a moment; what has cost least of too many is dropped."""
        self.objects = tuple(map(tuple, added([self], found, moment)[:MOST_OBJECTS]))


class ConflictLog(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The conflicts that the jobs of one worker were repeated for, on the last days."""

    _field_types: ClassVar[dict[str, Check]] = {
        "days": tuple_of(stored("zcasync.workers.conflicts.ConflictDay")),
    }

    days: tuple[ConflictDay, ...] = ()  # the oldest one first

    def add(self, found: Iterable[ObjectConflicts], moment: int) -> None:
        """Add what was counted up to a moment, microseconds."""
        number = moment // DAY
        days = usable_days(self)
        if not days or days[-1].day != number:
            days.append(ConflictDay(number))
        if (kept := tuple(days[-MOST_DAYS:])) != self.days:
            self.days = kept
        days[-1].add(found, moment)


def note_conflicts(worker: Any, found: list[ObjectConflicts]) -> None:
    """Add to the record of a worker what its jobs were repeated for; nothing where that is nothing.

    A record that cannot be loaded is begun anew: it is evidence, on which no job depends.
    """
    if not found:
        return
    if worker.conflicts is None or why_unloadable(worker.conflicts) is not None:
        worker.conflicts = ConflictLog()
    worker.conflicts.add(found, clock.now())


def usable_days(log: Any) -> list[ConflictDay]:
    """Return the days of a log, None: there is none, that can be loaded, the oldest first."""
    if log is None or why_unloadable(log) is not None:
        return []
    return [one for one in log.days if why_unloadable(one) is None]


def added(
    days: Iterable[ConflictDay], found: Iterable[ObjectConflicts] = (), moment: int = 0
) -> list[Seen]:
    """Return the conflicts of some days, and what was counted beside them, those with most first.

    The days may be those of several workers.
    """
    rows = [Seen(*one) for day in days for one in day.objects]
    rows += [Seen(*one[:3], moment, tuple(one.calls.items())) for one in found]
    retries: Counter[tuple[str, str]] = Counter()
    last: dict[tuple[str, str], int] = {}
    calls: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        place = row.kind, row.oid
        retries[place] += row.retries
        last[place] = max(row.last, last.get(place, 0))
        calls.setdefault(place, Counter()).update(dict(row.calls))
    places = sorted(retries, key=lambda place: (-retries[place], -last[place], place))
    return [
        Seen(*place, retries[place], last[place], tuple(calls[place].most_common(MOST_CALLS)))
        for place in places
    ]
