"""Schedules: all schedules of a data manager, as applications use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Protocol, Unpack

from zope.interface import implementer

from zcasync import clock
from zcasync.interfaces import ISchedules
from zcasync.job.loadable import why_unloadable
from zcasync.partial import Partial
from zcasync.queues.entering import tell_of_puts
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.declaring import Declared, declare
from zcasync.schedules.definition import Definition, ScheduleOptions, require_name
from zcasync.schedules.jobs import checked_call, put
from zcasync.schedules.schedule import Schedule
from zcasync.text import repr_of
from zcasync.unpublished import Unpublished

#: The options that are not those of a put.
OWN = ("cron", "every", "anchor", "zone", "catch_up", "limit", "overlap", "jitter")


class Manager(Protocol):
    """What is asked of a data manager here."""

    _p_jar: Any

    @property
    def agenda(self) -> Agenda | None:
        """The record of all schedules; None: there was none yet."""

    def require_agenda(self) -> Agenda:
        """Return the record of all schedules, made now where there is none."""

    def queue(self, name: str) -> Any:
        """Return a queue by its name.  Raises LookupError."""


@implementer(ISchedules)
class Schedules(Unpublished):
    """See :class:`zcasync.interfaces.ISchedules`."""

    def __init__(self, manager: Manager) -> None:
        self._manager = manager

    # to look at

    def __getitem__(self, name: str) -> Schedule:
        """Return a schedule by its name.  Raises LookupError, with the nearest name."""
        found = self.get(name)
        if found is None:
            nearest = get_close_matches(str(name), self, 1)
            meant = f": did you mean {nearest[0]!r}?" if nearest else ""
            raise LookupError(f"there is no schedule {repr_of(name)}{meant}")
        return found

    def get(self, name: str) -> Schedule | None:
        agenda = self._manager.agenda
        return None if agenda is None or not isinstance(name, str) else agenda.get(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        agenda = self._manager.agenda
        return iter([] if agenda is None else agenda.names())

    def __len__(self) -> int:
        return len(list(iter(self)))

    def next_ticks(self, name: str, count: int = 5) -> list[datetime]:
        return self[name].next_ticks(count)

    # to change

    def add(self, name: str, call: Any, *args: Any, **options: Unpack[ScheduleOptions]) -> Schedule:
        require_name(name)
        if name in self:
            raise ValueError(f"there is a schedule {name!r} already: remove it first")
        declared = self._declared(call, args, dict(options))
        return self._keep(name, declared, None)

    def remove(self, name: str) -> None:
        schedule = self[name]
        is_good = why_unloadable(schedule) is None
        self._manager.require_agenda().remove(name, schedule if is_good else None)

    def pause(self, name: str) -> None:
        schedule = self[name]
        if not schedule.is_paused:
            agenda = self._manager.require_agenda()
            schedule.pause()
            agenda.file(schedule, None)
            agenda.touch()

    def resume(self, name: str) -> None:
        schedule = self[name]
        agenda = self._manager.require_agenda()
        if schedule.is_paused or not agenda.has_entry(schedule):
            schedule.resume()
            agenda.plan(schedule)

    def run_now(self, name: str) -> Partial:
        schedule, now = self[name], clock.now()
        queue = self._manager.queue(schedule.queue)
        partial = put(queue, schedule.call, schedule.begin_by, (name, now), now)
        schedule.note_run(now, partial._p_oid)
        tell_of_puts(queue, [partial])
        return partial

    def declare(self, source: str, schedules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        if not isinstance(source, str) or not source:
            raise ValueError(f"source must be a text that is not empty, not {repr_of(source)}")
        wanted = {}
        for name, given in schedules.items():
            require_name(name)
            options = dict(given)
            if "call" not in options:
                raise ValueError(f"schedule {name!r} has no call: give it as 'call'")
            call, args = options.pop("call"), tuple(options.pop("args", ()))
            wanted[name] = self._declared(call, args, options)
        agenda = self._manager.agenda
        if agenda is None and wanted:
            agenda = self._manager.require_agenda()
        if agenda is None:
            return {}
        return declare(agenda, source, wanted, self._keep)

    def _keep(self, name: str, declared: Declared, source: str | None) -> Schedule:
        """Store a new schedule."""
        schedule = Schedule(name, source)
        schedule.define(declared.definition, declared.queue, declared.call, declared.begin_by)
        agenda = self._manager.require_agenda()
        if self._manager._p_jar is not None:
            self._manager._p_jar.add(schedule)
        agenda.add(schedule)
        return schedule

    def _declared(self, call: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Declared:
        """Return what is to be stored.  Raises as ``add``."""
        queue = self._manager.queue(options.pop("queue", "thread"))
        own = {name: options.pop(name) for name in OWN if name in options}
        definition = Definition.of(**own)
        template, by = checked_call(queue, call, args, options)
        return Declared(definition, queue.__name__, template, by)
