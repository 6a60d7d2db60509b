"""Declaring: the schedules that code declares, compared with those that are stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from zcasync.job.loadable import why_unloadable
from zcasync.job.template import Template
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.definition import Definition
from zcasync.schedules.schedule import Schedule


@dataclass(frozen=True)
class Declared:
    """A schedule that was checked, to be stored; ``begin_by``: microseconds, None: no limit."""

    definition: Definition
    queue: str
    call: Template
    begin_by: int | None


#: Stores a new schedule of a source.
Keep = Callable[[str, Declared, str | None], Schedule]


def declare(
    agenda: Agenda, source: str, wanted: Mapping[str, Declared], keep: Keep
) -> dict[str, str]:
    """Let the schedules of a source be these; return what became of each.

    ``added``, ``updated``, ``unchanged`` or ``removed``; what is unchanged is not written.  Raises
    ValueError for a name that somebody else has made; then nothing is changed.
    """
    known = {name: agenda.get(name) for name in wanted}
    for schedule in known.values():
        if schedule is not None and why_unloadable(schedule) is None:
            _require_own(schedule, source)
    done = {}
    for name, declared in wanted.items():
        schedule = known[name]
        if schedule is not None and why_unloadable(schedule) is not None:
            agenda.remove(name, None)
            schedule = None
        done[name] = _be(agenda, name, schedule, declared, source, keep)
    for schedule in list(agenda.schedules()):
        is_good = why_unloadable(schedule) is None
        if is_good and schedule.source == source and schedule.name not in wanted:
            done[schedule.name] = "removed"
            agenda.remove(schedule.name, schedule)
    return done


def _be(
    agenda: Agenda,
    name: str,
    schedule: Schedule | None,
    declared: Declared,
    source: str,
    keep: Keep,
) -> str:
    if schedule is None:
        keep(name, declared, source)
        return "added"
    is_changed, has_new_ticks = schedule.define(
        declared.definition, declared.queue, declared.call, declared.begin_by
    )
    if has_new_ticks and not schedule.is_paused:
        agenda.plan(schedule)
    return "updated" if is_changed else "unchanged"


def _require_own(schedule: Any, source: str) -> None:
    if schedule.source == source:
        return
    who = "by hand" if schedule.source is None else f"by {schedule.source!r}"
    raise ValueError(
        f"schedule {schedule.name!r} was made {who}, and {source!r} declares one of this name: "
        f"give it another name, or remove that one first"
    )
