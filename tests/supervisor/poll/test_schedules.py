"""The ticks of schedules: each has one job, however late a pass is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zope.event

from tests.jobs import samples
from tests.supervisor.poll.scene import Scene, ready
from tests.supervisor.poll.ticking import HOUR, World
from zcasync import clock
from zcasync.interfaces import ScheduleTick
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.schedules import JOBS_IN_A_PASS

# ticks


def test_a_tick_puts_one_job_and_says_when_the_next_one_comes(world: World) -> None:
    world.go("2026-03-10 02:00:00")
    world.add(cron="0 3 * * *")
    assert world.jobs() == []
    assert world.schedules["nightly"].next_tick == datetime(2026, 3, 10, 3, tzinfo=UTC)
    world.go("2026-03-10 02:59:58")
    assert world.one.pass_().schedule.delay == 2.0
    world.go("2026-03-10 03:00:00.2")
    assert world.one.pass_().ticked == 1
    assert world.one.pass_().ticked == 0
    [job] = world.jobs()
    assert (job.schedule, job.tick) == ("nightly", datetime(2026, 3, 10, 3, tzinfo=UTC))
    schedule = world.schedules["nightly"]
    assert schedule.next_tick == datetime(2026, 3, 11, 3, tzinfo=UTC)
    assert schedule.last_tick == job.tick
    assert [(run.id, run.partial, run.tick) for run in schedule.runs] == [(job.id, job, job.tick)]


def test_the_job_of_a_tick_can_begin_with_the_same_commit(world: World) -> None:
    world.go("2026-03-10 02:00:00")
    world.add(cron="0 3 * * *")
    world.go("2026-03-10 03:00:00")
    with world.one.at():
        result = world.one.passes.run(PassInput(slots={0: ready(room=1)}))
    assert (result.ticked, result.claimed) == (1, 1)
    assert len(result.hand_out.slots[0]) == 1


def test_a_schedule_that_is_added_is_watched_for(world: World) -> None:
    manager = world.one.session.manager
    assert manager._p_oid in world.one.pass_().schedule.watched
    world.add(cron="0 3 * * *")
    assert manager.agenda is not None
    assert manager.agenda._p_oid in world.one.pass_().schedule.watched


def test_ticks_of_equal_distance_count_from_when_it_was_added_or_from_an_anchor(
    world: World,
) -> None:
    world.go("2026-03-10 02:00:07")
    world.add("own", every=timedelta(minutes=10))
    world.add("full", every=600, anchor=datetime(2020, 1, 1, tzinfo=UTC))
    world.go("2026-03-10 02:20:08")
    world.one.pass_()
    assert sorted((one.schedule, f"{one.tick:%H:%M:%S}") for one in world.jobs()) == [
        ("full", "02:20:00"), ("own", "02:20:07"),
    ]  # fmt: skip


def test_what_was_added_while_no_engine_ran_is_caught_up_with(world: World) -> None:
    world.go("2026-03-10 02:50:00")
    world.client.sync()
    world.schedules.add("nightly", samples.nothing, cron="0 3 * * *")
    world.commit()
    world.go("2026-03-10 05:00:00")
    assert world.one.pass_().ticked == 1
    assert world.ticks() == ["03-10 03:00:00"]


def test_a_client_s_clock_decides_nothing(world: World) -> None:
    world.go("2026-03-10 02:50:00")
    for number, ahead in enumerate([HOUR * 24, -HOUR * 24]):
        with clock.following(lambda ahead=ahead: world.right() + ahead):  # type: ignore[misc]
            world.client.sync()
            world.schedules.add(f"n{number}", samples.nothing, cron="0 3 * * *")
            world.commit()
    assert world.one.pass_().ticked == 0
    world.go("2026-03-10 03:00:01")
    assert world.one.pass_().ticked == 2


def test_the_leap_day_and_the_days_without_one(world: World) -> None:
    world.go("2027-01-01 00:00:00")
    world.add(cron="0 12 29 2 *", zone="Europe/Berlin")
    world.go("2028-02-28 23:00:00")
    assert world.one.pass_().ticked == 0
    world.go("2028-02-29 11:00:00")
    assert world.one.pass_().ticked == 1
    assert f"{world.schedules['nightly'].next_tick:%Y-%m-%d}" == "2032-02-29"


# what is missed


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        ({}, ["03-10 11:00:00"]),
        ({"catch_up": "once"}, ["03-10 11:00:00"]),
        ({"catch_up": "skip"}, []),
        ({"catch_up": "all"}, [f"03-10 {hour:02}:00:00" for hour in range(3, 12)]),
        ({"catch_up": "all", "limit": 2}, ["03-10 10:00:00", "03-10 11:00:00"]),
    ],
)
def test_what_was_missed_while_nobody_worked(
    world: World, options: dict[str, Any], ticks: list[str]
) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *", **options)
    world.go("2026-03-10 11:20:00")
    world.one.begin()
    result = world.one.pass_()
    assert world.ticks() == ticks
    [line] = [one for one in result.log if "schedule" in one]
    assert "has missed what was due since 2026-03-10 03:00:00 UTC" in line
    assert world.one.pass_().ticked == 0
    world.go("2026-03-10 12:00:00")
    world.one.pass_()
    assert world.schedules["nightly"].last_tick == world.right.moment


def test_a_tick_that_is_late_by_less_than_a_minute_is_not_missed(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *", catch_up="skip")
    world.go("2026-03-10 03:00:59")
    result = world.one.pass_()
    assert (result.ticked, result.log) == (1, [])


def test_years_of_missed_seconds_cost_one_pass_each_hundred_jobs(world: World) -> None:
    world.go("2024-03-10 02:30:00")
    world.add("seconds", cron="* * * * * *", catch_up="all", limit=2 * JOBS_IN_A_PASS + 5)
    world.add("interval", every=1)
    world.go("2026-03-10 02:30:00")
    results = [world.one.pass_() for _ in range(4)]
    assert [one.schedule.delay == 0 for one in results] == [True, True, False, False]
    assert len(world.jobs()) == 2 * JOBS_IN_A_PASS + 5 + 1
    assert len({(one.schedule, one.tick) for one in world.jobs()}) == len(world.jobs())


def test_a_pause_is_not_caught_up_with_not_even_over_a_downtime(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *", catch_up="all")
    world.schedules.pause("nightly")
    world.commit()
    world.go("2026-03-10 04:30:00")
    assert world.one.pass_().ticked == 0
    world.go("2026-03-12 11:30:00")
    world.client.sync()
    world.schedules.resume("nightly")
    world.commit()
    world.go("2026-03-12 13:30:00")
    world.one.begin()
    world.one.pass_()
    assert world.ticks() == ["03-12 12:00:00", "03-12 13:00:00"]


# overlap, jitter, by hand


def test_a_run_that_is_not_over_has_the_next_one_skipped(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *")
    for hour in (3, 4, 5):
        world.go(f"2026-03-10 {hour:02}:00:00")
        world.one.pass_()
    assert world.ticks() == ["03-10 03:00:00"]
    schedule = world.schedules["nightly"]
    assert (schedule.skipped, schedule.last_tick) == (2, datetime(2026, 3, 10, 5, tzinfo=UTC))
    [job] = world.jobs()
    job.fail()
    world.commit()
    world.go("2026-03-10 06:00:00")
    world.one.pass_()
    assert world.ticks() == ["03-10 06:00:00"]
    world.client.sync()
    assert world.schedules["nightly"].skipped == 0


@pytest.mark.parametrize("end", ["discarded", "damaged", "gone"])
def test_a_run_that_is_not_there_any_more_does_not_keep_the_next_one_back(
    world: World, end: str
) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *")
    world.go("2026-03-10 03:00:00")
    world.one.pass_()
    [job] = world.jobs()
    if end == "discarded":
        world.client.queue.discard([job])
    elif end == "damaged":
        job._state = "lost"
    else:
        schedule = world.schedules["nightly"]
        schedule._runs = ((schedule._runs[0][0], b"\0\0\0\0\0\0\x77\x77"),)
    world.commit()
    world.go("2026-03-10 04:00:00")
    assert world.one.pass_().ticked == 1


def test_overlap_can_be_allowed(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 * * * *", overlap="allow")
    for hour in range(3, 23):
        world.go(f"2026-03-10 {hour:02}:00:00")
        world.one.pass_()
    assert len(world.jobs()) == 20
    assert len(world.schedules["nightly"].runs) == 10


def test_jitter_is_within_its_bounds_and_the_same_for_all(world: World) -> None:
    world.go("2026-03-10 00:00:00")
    for number in range(20):
        world.add(f"n{number}", cron="0 3 * * *", jitter=timedelta(minutes=5))
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 20
    late = [(one.begin_after - one.tick).total_seconds() for one in world.jobs()]
    assert all(0 <= one <= 300 for one in late)
    assert len(set(late)) > 10


def test_a_run_by_hand_changes_no_tick(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 3 * * *", overlap="allow")
    partial = world.schedules.run_now("nightly")
    world.commit()
    assert world.jobs() == [partial]
    assert (partial.schedule, partial.tick) == ("nightly", world.right.moment)
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 1
    assert len(world.jobs()) == 2


# what cannot be used


def test_a_call_that_is_missing_is_put_all_the_same(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 3 * * *")
    schedule = world.schedules["nightly"]
    schedule._call = {**schedule._call, "_call": "vanished.module:function"}
    world.commit()
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 1
    assert [one.callable_name for one in world.jobs()] == ["vanished.module.function"]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("_runs", 7, "is damaged and set aside"),
        ("_zone", "Atlantis/Capital", "there is no time zone 'Atlantis/Capital'"),
        ("_cron", "0 3 * *", "is no cron expression"),
        ("_queue", "tread", "there is no queue 'tread'"),
        ("_call", {"_call": 7}, "its _call cannot be of type int"),
    ],
)
def test_a_schedule_that_cannot_be_used_is_told_once_and_keeps_no_other_one_back(
    world: World, name: str, value: Any, words: str
) -> None:
    world.go("2026-03-10 02:30:00")
    world.add("bad", cron="0 3 * * *")
    world.add("good", cron="0 3 * * *")
    setattr(world.schedules["bad"], name, value)
    world.client.commit()
    world.go("2026-03-10 03:00:00")
    results = [world.one.pass_() for _ in range(3)]
    assert sum(one.ticked for one in results) == 1
    [line] = [line for one in results for line in one.log]
    assert line.startswith("schedule 'bad' ")
    assert words in line
    assert results[-1].schedule.delay > 1
    world.client.sync()
    world.schedules.remove("bad")
    world.commit()
    assert list(world.schedules) == ["good"]
    world.go("2026-03-11 03:00:00")
    world.jobs()[0].fail()
    world.commit()
    assert world.one.pass_().ticked == 1


def test_a_schedule_that_was_set_aside_ticks_again_once_it_is_resumed(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    world.add(cron="0 3 * * *")
    world.schedules["nightly"]._runs = 7
    world.client.commit()
    world.go("2026-03-10 03:00:00")
    assert world.one.pass_().ticked == 0
    found = world.schedules["nightly"]
    found._runs = ()
    world.client.commit()
    world.schedules.resume("nightly")
    world.commit()
    world.go("2026-03-11 03:00:00")
    assert world.one.pass_().ticked == 1


def test_nothing_due_writes_nothing_and_loads_no_schedule(world: World) -> None:
    world.go("2026-03-10 02:30:00")
    for number in range(200):
        world.add(f"n{number}", cron="0 3 * * *")
    world.one.pass_()
    connection = world.one.session.connection
    connection.cacheMinimize()
    world.one.pass_()
    loaded = list(connection._cache.lru_items())
    kinds = {type(one).__name__ for _, one in loaded}
    assert "Agenda" in kinds
    assert "Schedule" not in kinds
    last = world.one.session.connection.db().lastTransaction()
    world.one.pass_()
    assert world.one.session.connection.db().lastTransaction() == last


def test_an_older_data_manager_has_no_schedules_and_no_pass_makes_them(scene: Scene) -> None:
    assert list(scene.client.manager.schedules) == []
    assert scene.run().ticked == 0
    scene.client.sync()
    assert scene.client.manager.agenda is None


# what is told


def test_a_tick_is_told_of_once_it_is_committed(world: World) -> None:
    told: list[tuple[Any, ...]] = []

    def hear(event: Any) -> None:
        if isinstance(event, ScheduleTick):
            ids = [job.id for job in world.jobs()]  # as another client sees them
            told.append((event.name, f"{event.moment:%H:%M}", event.object and event.object.id))
            assert event.object is None or event.object.id in ids

    world.go("2026-03-10 02:00:00")
    world.add(cron="0 3-5 * * *")
    other = world.another()
    zope.event.subscribers.append(hear)
    try:
        world.one.pass_()
        for hour in (3, 4):
            world.go(f"2026-03-10 {hour:02}:00:01")
            world.one.pass_()
            other.pass_()
    finally:
        zope.event.subscribers.remove(hear)
    [job] = world.jobs()
    assert told == [("nightly", "03:00", job.id), ("nightly", "04:00", None)]
