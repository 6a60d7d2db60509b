"""Schedules in histories by chance: engines come, go and meet, clocks are wrong."""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.supervisor.poll.ticking import HOUR, World
from tests.support.sessions import Connect, FakeClock

SEEDS = int(os.environ.get("ZCASYNC_SCHEDULE_SEEDS", "12"))
STEPS = 60
SECOND = 1_000_000
#: By name: how often each ticks, and whether it loses none.
HOW: dict[str, dict[str, Any]] = {
    "all": {"every": 60, "catch_up": "all", "limit": 10_000},
    "once": {"every": 45, "overlap": "allow"},
    "cron": {"cron": "*/2 * * * *", "zone": "Europe/Berlin", "catch_up": "all", "limit": 10_000},
    "slow": {"every": 30},  # while its job waits the next ones are skipped
}


class History:
    """One history; ``paused``: the schedules that somebody has paused once."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.paused: set[str] = set()
        self.engines = [world.one, world.another(ahead=chance.choice([0, HOUR, -HOUR]))]
        world.go("2026-03-29 00:30:00")  # an hour is missing in this night
        for name, how in HOW.items():
            world.add(name, samples.nothing, **how)

    def step(self) -> None:
        """Let something happen."""
        what = self.chance.choice(
            [self.pass_, self.pass_, self.meet, self.wait, self.wait, self.begin, self.operate]
        )
        what()

    def pass_(self) -> None:
        self.chance.choice(self.engines).pass_()

    def meet(self) -> None:
        """One engine makes a pass while another one is about to commit its own."""
        one, two = self.chance.sample(self.engines, 2)
        ticking = two.passes._ticking
        tick, left = ticking.tick, [one]

        def amid(*args: Any) -> int:
            count = tick(*args)
            if left:
                left.pop().pass_()
            return count

        ticking.tick = amid  # type: ignore[method-assign]
        try:
            two.pass_()
        finally:
            ticking.tick = tick  # type: ignore[method-assign]

    def wait(self) -> None:
        """Time passes, now and then a lot of it, and somebody may set all clocks back."""
        seconds = self.chance.choice([1, 20, 20, 70, 70, 600, 7200])
        self.world.right.advance(seconds=seconds)
        if self.chance.random() < 0.1:
            back = self.chance.choice([30, 600]) * SECOND
            self.world.right.microseconds -= back
            self.world.set_by -= back

    def begin(self) -> None:
        """An engine forgets all that it knew."""
        self.chance.choice(self.engines).begin()

    def operate(self) -> None:
        """An operator changes one; a tick may be first."""
        name = self.chance.choice(sorted(HOW))
        what = self.chance.choice(["pause", "resume", "resume"])
        engine = self.chance.choice([None, *self.engines])
        getattr(self.world.schedules, what)(name)
        if engine is not None:
            engine.pass_()
        try:
            self.world.commit()
        except ConflictError:
            self.world.client.abort()
        else:
            self.paused |= {name} if what == "pause" else set()

    def judge(self) -> None:
        """No tick has two jobs, none was early, and what loses none has lost none."""
        ticks = Counter((one.schedule, one.tick) for one in self.world.jobs())
        assert [one for one, count in ticks.items() if count > 1] == []
        for name in HOW.keys() - self.paused:
            found = sorted(tick for other, tick in ticks if other == name)
            gaps = {later - tick for tick, later in itertools.pairwise(found)}
            if HOW[name].get("catch_up") == "all":
                expected = {timedelta(seconds=60 if name == "all" else 120)}
                assert gaps <= expected, name
                last = self.world.schedules[name].last_tick
                assert not found or found[-1] == last


@pytest.mark.parametrize("seed", range(SEEDS))
def test_each_tick_has_one_job_whatever_happens(
    connect: Connect, fake_clock: FakeClock, seed: int
) -> None:
    world, chance = World(connect, fake_clock), random.Random(seed)
    history = History(world, chance)
    for _ in range(STEPS):
        history.step()
    for _ in range(60):  # so many jobs a pass
        if not history.engines[0].pass_().ticked:
            break
    history.judge()
