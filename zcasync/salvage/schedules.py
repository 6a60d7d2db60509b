"""The schedules: their agenda, and its two trees."""

from __future__ import annotations

from typing import Any

from zcasync.job.field_types import is_moment, is_stored, is_text
from zcasync.job.loadable import why_unloadable
from zcasync.salvage.records import Records
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.schedule import Schedule


def salvage_schedules(records: Records, manager: Any) -> None:
    """Begin anew what of the agenda cannot be loaded.

    A schedule that is damaged itself stays where it is: the pass that comes to it sets it aside.
    """
    if manager.agenda is None or not records.part(
        manager, "_agenda", "the agenda of the schedules", Agenda
    ):
        return
    agenda: Agenda = manager.agenda
    for _ in records.tree(agenda, "_by_name", "the table of the schedules", _is_named):
        pass
    count = len(records.losses)
    for _ in records.tree(agenda, "_moments", "the next ticks of the schedules", _is_entry):
        pass
    if len(records.losses) > count:
        for schedule in list(agenda.schedules()):
            if why_unloadable(schedule) is None and isinstance(schedule, Schedule):
                agenda.restore_entry(schedule)


def _is_named(name: Any, schedule: Any) -> bool:
    return is_text(name) and is_stored(schedule)


def _is_entry(key: Any, schedule: Any) -> bool:
    is_key = type(key) is tuple and len(key) == 2 and is_moment(key[0]) and is_text(key[1])
    return is_key and is_stored(schedule)
