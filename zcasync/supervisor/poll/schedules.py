"""Schedules: puts the jobs of schedules whose time has come, in the pass's own commit.

Each tick is decided once: whoever puts its job writes the tick in the record of its schedule, so
that another engine, which does the same at the same time, conflicts and finds it done.
"""

from __future__ import annotations

from typing import Any

from zcasync import clock
from zcasync.datamanager import DataManager
from zcasync.job.loadable import why_unloadable
from zcasync.schedules.agenda import Agenda
from zcasync.schedules.due import due_ticks, put_ticks
from zcasync.schedules.schedule import TO_PLAN, Schedule
from zcasync.supervisor.poll.clocks import Clocks
from zcasync.supervisor.poll.environment import Environment

#: One pass puts about so many jobs; the rest is for the next one, which comes at once.
JOBS_IN_A_PASS = 100


class Ticking:
    """The ticks of schedules, for one engine."""

    def __init__(self, clocks: Clocks, environment: Environment) -> None:
        self._clocks = clocks
        self._moment_of = environment.moment_of
        self._unusable: dict[bytes, bytes] = {}  # here: oid -> serial
        #: The seconds until the next tick, and the records that say whether there is another one.
        self.delay = float("inf")
        self.watched: frozenset[bytes] = frozenset()
        #: Whether the pass has to write something, to learn the time of the database.
        self.needs_time = False

    def tick(self, manager: DataManager, log: list[str]) -> int:
        """Put the jobs that are due; return their number.  Safe to repeat when the pass has to be.

        Adds to the log what has been missed, and schedules that cannot be used.
        """
        agenda = manager.agenda
        self.delay, self.needs_time = float("inf"), False
        self.watched = frozenset([manager._p_oid if agenda is None else agenda._p_oid])
        if agenda is None:
            return 0
        now, count = self._clocks.common_now(), 0
        first = agenda.first()
        if first is None or first > now:  # as in nearly all passes
            self._come_for(first, now)
            return 0
        for moment, name, schedule in agenda.due(now):
            if count < JOBS_IN_A_PASS and self._is_good(agenda, moment, name, schedule, log):
                most = JOBS_IN_A_PASS - count
                count += self._decide(manager, agenda, schedule, now, most, log)
        self._come_for(agenda.next_after(now), now)
        if count >= JOBS_IN_A_PASS:
            self.delay = 0.0
        return count

    def _come_for(self, moment: int | None, now: int) -> None:
        """Let the next pass be made at this moment; None: there is none."""
        if moment is None:
            return
        # A clock was set, this machine's or all of them: a commit shows which.
        self.needs_time = moment <= clock.now() and self._clocks.is_set
        self.delay = 0.0 if self.needs_time else (moment - now) / 1e6

    def _decide(
        self,
        manager: DataManager,
        agenda: Agenda,
        schedule: Schedule,
        now: int,
        most: int,
        log: list[str],
    ) -> int:
        """Put what is due of one schedule, and file it for its next tick; return how many."""
        problem = schedule.why_unusable(manager.queue)
        if problem is not None:  # here: another engine may know the zone
            self._unusable[schedule._p_oid] = schedule._p_serial
            log.append(f"schedule {schedule.name!r} cannot tick here: {problem}")
            return 0
        first, count = schedule.filed, 0
        if first is None or first == TO_PLAN:
            first = schedule.plan(self._added(schedule, now))
        if first is not None and first <= now:
            due = due_ticks(schedule, first, now, most)
            count = put_ticks(manager.queue(schedule.queue), schedule, due)
            first = due.next
            log += [due.missed] if due.missed else []
        agenda.file(schedule, first)
        return count

    def _added(self, schedule: Schedule, now: int) -> int:
        """Return when a schedule was added or resumed, by the database's clock, not before now."""
        moment = self._moment_of(schedule._p_serial)
        return now if moment is None else min(moment, now)

    def _is_good(
        self, agenda: Agenda, moment: int, name: str, schedule: Any, log: list[str]
    ) -> bool:
        """Return whether an entry is to be looked at; one that cannot be used is dropped."""
        problem = why_unloadable(schedule)
        if problem is None and isinstance(schedule, Schedule):
            if self._unusable.get(schedule._p_oid) == schedule._p_serial:
                return False
            if schedule.filed == moment:
                return True
        else:
            log.append(
                f"schedule {name!r} is damaged and set aside: {problem or 'it is none'}; remove "
                f"it with: zcasync schedule {name} --remove"
            )
        agenda.drop_entry(moment, name)
        return False
