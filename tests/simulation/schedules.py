"""Simulated schedules: clients add and change them; each tick has one job, which counts once."""

from __future__ import annotations

from collections import Counter as Counts
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

from tests.simulation.clients import Client
from tests.simulation.jobs import Counter, count
from zcasync.interfaces import COMPLETED

if TYPE_CHECKING:
    from tests.simulation.expectations import Expectations
    from tests.simulation.world import World

#: Seconds between ticks: shorter than steps of time, and longer than most histories.
EVERY = (1, 3, 60)
#: How the ticks of the time are treated in which no supervisor has run; clocks jump by days.
CATCH_UP: tuple[dict[str, Any], ...] = (
    {"catch_up": "skip"},
    {"catch_up": "once", "overlap": "allow"},
    {"catch_up": "all", "limit": 3},
)


@dataclass
class Series:
    """A schedule that was added; all its jobs count in one object."""

    name: str
    counter: bytes


class Schedules:
    """The schedules of a world."""

    def __init__(self, world: World, expected: Expectations) -> None:
        self._world = world
        self._expected = expected
        self._series: list[Series] = []

    # what clients do

    def add(self, client: Client, every: int, how: dict[str, Any]) -> None:
        """Add a schedule."""
        session = client.session
        counter = Counter()
        session.connection.add(counter)
        name = f"schedule {self._world.new_number()}"
        manager = session.manager
        schedule = manager.schedules.add(name, count, counter, every=every, **how)
        manager._p_jar.add(schedule)
        new, series = schedule._p_oid, Series(name, counter._p_oid)  # an abort takes them away
        if client.commit(new):
            self._series.append(series)

    def change(self, client: Client, number: int, what: str) -> None:
        """Pause one, let it go on, let it run now, or remove it."""
        self._world.microseconds += 1
        schedules = client.session.manager.schedules
        names = sorted(schedules)
        if names:
            getattr(schedules, what)(names[number % len(names)])
            client.commit(b"")

    def end(self) -> None:
        """Let none tick any more."""
        while True:
            with self._world.client(0) as client:
                try:
                    for name in list(client.session.manager.schedules):
                        client.session.manager.schedules.pause(name)
                    client.session.commit()
                except (ConflictError, ClientDisconnected):
                    client.session.abort()
                else:
                    return

    # what must be true

    def _jobs(self) -> dict[str, list[Any]]:
        """All jobs of schedules that there are, by the name of the schedule."""
        found: dict[str, list[Any]] = {one.name: [] for one in self._series}
        for oid in sorted(self._expected.audit.partials):
            partial = self._world.reader.partial(oid)
            if partial.schedule is not None:
                found.setdefault(partial.schedule, []).append(partial)
        return found

    def look(self) -> None:
        """A tick has one job, whichever engines saw that its time had come."""
        for name, jobs in self._jobs().items() if self._series else ():
            ticks = Counts(job.tick for job in jobs)
            assert all(number == 1 for number in ticks.values()), f"{name}: {ticks}"

    def judge(self) -> None:
        """All jobs are over, and have counted once each."""
        jobs = self._jobs()
        for one in self._series:
            put = jobs[one.name]
            self._world.count("ticks", len(put))
            assert all(job.state == COMPLETED for job in put), one.name
            if not self._world.was_meddled_with:
                counted = self._world.reader.counter(one.counter).value
                done = sum(not isinstance(job.result, Failure) for job in put)
                assert counted == done, f"{one.name}: {counted} of {done}"
