"""Ticks where clocks are set, and where two engines or an operator are at one of them."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB.POSException import ConflictError

from tests.supervisor.poll.ticking import HOUR, World

# clocks


def test_a_clock_that_is_set_back_repeats_nothing(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="*/10 * * * *", overlap="allow")
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 1
    before = world.ticks()
    for minute in range(0, 60, 5):
        world.set(f"2026-03-10 02:{minute:02}:00")
        assert world.one.pass_().ticked == 0
    world.go("2026-03-10 03:05:00")
    assert world.one.pass_().ticked == 0
    assert world.ticks() == before
    world.go("2026-03-10 03:10:00")
    assert world.one.pass_().ticked == 1


def test_a_clock_that_is_set_forward_by_a_day_is_caught_up_with(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *", overlap="allow")
    world.set("2026-03-11 02:30:00")
    result = world.one.pass_()
    assert (result.ticked, result.schedule.delay) == (0, 0), "whose clock was set?"
    assert world.one.pass_().ticked == 1
    assert world.ticks() == ["03-11 02:00:00"]


def test_of_two_engines_an_hour_apart_each_tick_has_one_job_at_its_time(world: World) -> None:
    two = world.another(ahead=HOUR)
    world.go("2026-03-10 00:30:00")
    world.add(cron="0 * * * *", overlap="allow")
    for _ in range(36):
        world.right.advance(minutes=10)
        two.pass_()
        world.one.pass_()
        assert all(one.tick <= world.right.moment for one in world.jobs()), "early"
    assert world.ticks() == [f"03-10 {hour:02}:00:00" for hour in range(1, 7)]


def test_an_engine_whose_clock_is_behind_leaves_the_tick_to_the_other(world: World) -> None:
    two = world.another(ahead=-HOUR)
    world.go("2026-03-10 00:30:00")
    world.add(cron="0 * * * *", overlap="allow")
    world.go("2026-03-10 01:00:01")
    assert two.pass_().ticked == 0
    assert world.one.pass_().ticked == 1
    world.go("2026-03-10 01:59:59")
    assert two.pass_().ticked == 0


def test_what_was_decided_by_a_clock_days_ahead_is_forgotten_by_a_resume(world: World) -> None:
    world.go("2026-03-10 00:30:00")
    world.add(cron="0 * * * *", overlap="allow")
    world.set("2027-03-10 00:30:00")
    world.one.pass_()
    world.one.pass_()
    world.set("2026-03-10 01:30:00")
    world.one.pass_()
    world.one.pass_()
    assert len(world.jobs()) == 1
    world.schedules.pause("nightly")
    world.changing.resume("nightly")
    world.commit()
    world.go("2026-03-10 02:00:00")
    assert world.one.pass_().ticked == 1


# two engines


def test_of_two_engines_at_one_tick_the_second_conflicts_and_finds_it_done(world: World) -> None:
    two = world.another()
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 3 * * *", overlap="allow")
    two.pass_()
    world.go("2026-03-10 03:00:00")
    ticking = two.passes._ticking
    tick, ticked = ticking.tick, []

    def amid(*args: Any) -> int:
        """Behind what the second one does for the tick, and before it commits."""
        count = tick(*args)
        ticked.append((count, 0 if ticked else world.one.pass_().ticked))
        return count

    ticking.tick = amid  # type: ignore[method-assign]
    result = two.pass_()
    assert ticked == [(1, 1), (0, 0)]
    assert (result.ticked, result.conflicts) == (0, 1)
    assert world.ticks() == ["03-10 03:00:00"]


@pytest.mark.parametrize("change", ["pause", "remove", "run_now"])
def test_an_operator_and_a_tick_at_one_time_conflict(world: World, change: str) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 3 * * *", overlap="allow")
    world.client.sync()
    getattr(world.schedules, change)("nightly")
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 1
    with pytest.raises(ConflictError):
        world.client.commit()
    world.client.abort()
    world.client.sync()
    getattr(world.schedules, change)("nightly")
    world.client.commit()
    assert world.one.pass_().ticked == 0
