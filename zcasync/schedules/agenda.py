"""Agenda: the record of all schedules, by their names and by the moments of their next ticks.

A pass reads the first entries of one tree, however many schedules there are.  The agenda's own
record is written by whoever adds, changes or removes a schedule, and not by ticks: engines watch it
to see at once what is new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from BTrees.OOBTree import OOBTree
from persistent import Persistent

from zcasync.job.field_types import Check, Checked
from zcasync.schedules.field_types import AGENDA
from zcasync.schedules.schedule import TO_PLAN, Schedule
from zcasync.unpublished import Unpublished


class Agenda(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """All schedules of a data manager."""

    _field_types: ClassVar[dict[str, Check]] = AGENDA

    _changes: int = 0

    def __init__(self) -> None:
        self._by_name = OOBTree()
        self._moments = OOBTree()  # (moment, name) -> schedule

    def get(self, name: str) -> Schedule | None:
        """Return the schedule of this name; None: there is none."""
        return self._by_name.get(name)  # type: ignore[no-any-return]

    def names(self) -> list[str]:
        """Return the names of all, in order."""
        return list(self._by_name.keys())

    def schedules(self) -> Iterator[Schedule]:
        """Yield all, in the order of their names; records that cannot be loaded, too."""
        yield from self._by_name.values()

    def first(self) -> int | None:
        """Return the moment of the first entry; None: there is none."""
        return self._moments.minKey()[0] if self._moments else None

    def due(self, now: int) -> list[tuple[int, str, Schedule]]:
        """Return the entries whose moment has come, the first one first."""
        entries = self._moments.items(max=(now + 1,), excludemax=True)
        return [(moment, name, schedule) for (moment, name), schedule in entries]

    def next_after(self, now: int) -> int | None:
        """Return the moment of the first entry behind a moment; None: there is none."""
        key = next(iter(self._moments.keys(min=(now + 1,))), None)
        return None if key is None else key[0]

    def has_entry(self, schedule: Schedule) -> bool:
        """Return whether a schedule is where it says, to be found when its moment has come."""
        moment = schedule.filed
        return moment is not None and (moment, schedule.name) in self._moments

    def add(self, schedule: Schedule) -> None:
        """Add a schedule, to be planned by the next pass of an engine."""
        self._by_name[schedule.name] = schedule
        self.plan(schedule)

    def plan(self, schedule: Schedule) -> None:
        """Let the next pass of an engine compute when the schedule ticks."""
        self.file(schedule, TO_PLAN)
        self.touch()

    def file(self, schedule: Schedule, moment: int | None) -> None:
        """Have a schedule at this moment, and at no other one; None: at none."""
        before = schedule.filed
        if before == moment and (moment is None or self.has_entry(schedule)):
            return
        if before is not None:
            self._moments.pop((before, schedule.name), None)
        if moment is not None:
            self._moments[moment, schedule.name] = schedule
        schedule.file(moment)

    def drop_entry(self, moment: int, name: str) -> None:
        """Drop an entry that means nothing, or whose schedule cannot be loaded."""
        self._moments.pop((moment, name), None)

    def restore_entry(self, schedule: Schedule) -> None:
        """Have a schedule where it says that it is."""
        if schedule.filed is not None:
            self._moments[schedule.filed, schedule.name] = schedule

    def remove(self, name: str, schedule: Schedule | None) -> None:
        """Remove a schedule; None: its record cannot be loaded."""
        del self._by_name[name]
        if schedule is None:
            for moment, other in [key for key in self._moments if key[1] == name]:
                self.drop_entry(moment, other)
        else:
            self.file(schedule, None)
            schedule.remove()
        self.touch()

    def touch(self) -> None:
        """Write the record, so that engines look."""
        self._changes += 1
