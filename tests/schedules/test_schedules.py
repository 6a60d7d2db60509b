"""Schedules as applications use them: added, refused, changed, and what is kept of their calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError, StateLoadError

from tests.jobs import samples
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.errors import BadCallable
from zcasync.job.values import INLINE_LIMIT_BYTES
from zcasync.retry.stock import NeverRetry
from zcasync.schedules.schedule import TO_PLAN, Schedule


def add(session: Session, name: str = "nightly", call: Any = samples.nothing, **how: Any) -> Any:
    """Add a schedule, and commit."""
    if "every" not in how:
        how = {"cron": "0 3 * * *", **how}
    schedule = session.manager.schedules.add(name, call, **how)
    session.commit()
    return schedule


def test_a_schedule_has_all_that_it_was_given(session: Session) -> None:
    schedule = add(
        session, "weekly", samples.multiply, cron="0 3 * * mon", zone="Europe/Berlin",
        queue="reactor", catch_up="all", limit=7, jitter=90,
    )  # fmt: skip
    assert (schedule.name, schedule.cron, schedule.zone) == (
        "weekly", "0 3 * * mon", "Europe/Berlin",
    )  # fmt: skip
    assert schedule.callable_name == "tests.jobs.samples.multiply"
    assert (schedule.queue, schedule.catch_up, schedule.limit) == ("reactor", "all", 7)
    assert (schedule.overlap, schedule.jitter) == ("allow", timedelta(seconds=90))
    assert (schedule.every, schedule.source, schedule.is_paused) == (None, None, False)
    assert (schedule.last_tick, schedule.runs, schedule.skipped) == (None, [], 0)


def test_the_defaults_are_those_that_harm_nobody(session: Session) -> None:
    schedule = add(session, every=timedelta(hours=1))
    assert (schedule.zone, schedule.queue, schedule.catch_up) == ("UTC", "thread", "once")
    assert (schedule.overlap, schedule.jitter) == ("skip", timedelta(0))
    assert schedule.every == timedelta(hours=1)


def test_schedules_are_found_by_their_names_in_order(session: Session) -> None:
    for name in ("b", "a", "c"):
        add(session, name)
    schedules = session.manager.schedules
    assert list(schedules) == ["a", "b", "c"]
    assert len(schedules) == 3
    assert "a" in schedules
    assert "z" not in schedules
    assert 7 not in schedules
    assert schedules["a"].name == "a"
    assert schedules.get("z") is None


def test_a_name_that_is_not_there_is_answered_with_the_nearest(session: Session) -> None:
    add(session)
    schedules = session.manager.schedules
    for ask in (schedules.__getitem__, schedules.remove, schedules.pause, schedules.run_now):
        with pytest.raises(LookupError, match="no schedule 'nigthly': did you mean 'nightly'"):
            ask("nigthly")
    with pytest.raises(LookupError, match=r"there is no schedule 'x'$"):
        schedules.resume("x")


def test_a_quota_that_is_not_there_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="there is no quota 'solr'"):
        session.manager.schedules.add("a", samples.nothing, every=5, quota="solr")
    session.manager.quotas.set("solr", limit=1)
    schedule = session.manager.schedules.add("a", samples.nothing, every=5, quota="solr")
    assert session.manager.schedules.run_now(schedule.name).quotas == ("solr",)


def test_two_may_not_have_one_name(session: Session) -> None:
    add(session)
    with pytest.raises(ValueError, match="there is a schedule 'nightly' already"):
        add(session)


def test_of_two_clients_that_add_the_first_one_one_conflicts(connect: Connect) -> None:
    one, two = connect(), connect()
    one.manager.schedules.add("a", samples.nothing, every=60)
    two.manager.schedules.add("b", samples.nothing, every=60)
    one.commit()
    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    two.sync()
    add(two, "b")
    assert list(two.manager.schedules) == ["a", "b"]


def test_nothing_is_there_before_the_commit_nor_after_an_abort(session: Session) -> None:
    session.manager.schedules.add("nightly", samples.nothing, cron="0 3 * * *")
    session.abort()
    assert list(session.manager.schedules) == []
    assert session.manager.agenda is None
    with pytest.raises(LookupError):
        session.manager.schedules["nightly"]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, "cron and every both say when, and neither of them is given"),
        ({"cron": "0 3 * * *", "every": 60}, ValueError, "both of them are given"),
        ({"cron": "0 3 * *"}, ValueError, "is no cron expression"),
        ({"cron": 3}, TypeError, "cron must be a text"),
        ({"cron": "0 0 */31 2 mon#5"}, ValueError, "no moment of the next fifty years"),
        ({"cron": "0 3 * * *", "zone": "Berlin"}, ValueError, "there is no time zone 'Berlin'"),
        ({"cron": "0 3 * * *", "zone": 1}, TypeError, "zone must be the name of a time zone"),
        ({"every": 0.5}, ValueError, "every must be a second or more: 0.5"),
        ({"every": -5}, ValueError, "every must not be negative"),
        ({"every": "1h"}, TypeError, "every must be seconds or a timedelta"),
        ({"every": 60, "zone": "Europe/Berlin"}, ValueError, "means nothing with every"),
        ({"cron": "0 3 * * *", "anchor": datetime.now(UTC)}, ValueError, "anchor is for every"),
        ({"every": 60, "anchor": datetime(2026, 1, 1)}, ValueError, "must be timezone-aware"),
        ({"every": 60, "queue": "tread"}, LookupError, "there is no queue 'tread'"),
        ({"every": 60, "catch_up": "none"}, ValueError, "no catch_up 'none': did you mean 'once'"),
        ({"every": 60, "overlap": "wait"}, ValueError, "there is no overlap 'wait'"),
        ({"every": 60, "limit": 3}, ValueError, 'limit is for catch_up="all"'),
        ({"every": 60, "catch_up": "all", "limit": 0}, ValueError, "limit must be from 1"),
        ({"every": 60, "catch_up": "all", "limit": "9"}, TypeError, "limit must be a number"),
        ({"every": 60, "catch_up": "all", "overlap": "skip"}, ValueError,
         'catch_up="all" and overlap="skip" exclude each other'),
        ({"every": 60, "jitter": -1}, ValueError, "jitter must not be negative"),
        ({"every": 60, "jitter": 1e6}, ValueError, "jitter must not be more than 7 days"),
        ({"every": 60, "delay": 5}, ValueError, "delay is no option of a schedule"),
        ({"every": 60, "begin_after": timedelta(1)}, ValueError, "begin_after is no option"),
        ({"every": 60, "retyr": "never"}, TypeError, "no option 'retyr': did you mean retry?"),
        ({"every": 60, "isolate": True, "queue": "reactor"}, ValueError, "isolate=True in the"),
        ({"every": 60, "batch": True, "isolate": True}, ValueError, "exclude each other"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_words(
    session: Session, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as refused:
        session.manager.schedules.add("nightly", samples.nothing, **options)
    assert words in str(refused.value)
    assert session.manager.agenda is None


@pytest.mark.parametrize("name", ["", " a", "a ", "-a", "a\nb", "a" * 101, "a\x1b[m"])
def test_a_name_that_nobody_could_type_is_refused(session: Session, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a schedule"):
        add(session, name)


def test_a_call_that_belongs_to_one_job_is_refused(session: Session) -> None:
    with_callback = Partial(samples.nothing)
    with_callback.addCallbacks(samples.nothing)
    noted = Partial(samples.nothing)
    noted.annotations["a"] = 1
    for call, words in [
        (with_callback, "has callbacks or annotations"),
        (noted, "has callbacks or annotations"),
        (Partial(samples.echo, Partial(samples.nothing)), "is a partial, which belongs to one job"),
        (Partial.bind(samples.echo), "is a partial, which belongs to one job"),
        (session.queue.put(samples.nothing), "was put already"),
    ]:
        with pytest.raises(ValueError, match=words):
            session.manager.schedules.add("nightly", call, every=60)
    with pytest.raises(BadCallable):
        session.manager.schedules.add("nightly", lambda: None, every=60)
    with pytest.raises(TypeError, match="has its arguments already"):
        session.manager.schedules.add("nightly", Partial(samples.echo), 1, every=60)


ARGUMENTS = [
    ((1, "two", None), {}),
    (([1, [2]], {"a": {"b"}}), {"key": "value"}),
    (("x" * 2 * INLINE_LIMIT_BYTES,), {}),
    ((complex(1, 2), timedelta(1)), {"zone": UTC}),
]


@pytest.mark.parametrize(("args", "kwargs"), ARGUMENTS)
def test_each_run_has_the_call_as_it_was_given(
    session: Session, connect: Connect, args: Any, kwargs: Any
) -> None:
    add(session, call=Partial(samples.echo, *args, **kwargs))
    other = connect()
    partials = [other.manager.schedules.run_now("nightly") for _ in range(2)]
    other.commit()
    session.sync()
    for one in map(session.same, partials):
        assert (tuple(one.args), dict(one.kwargs)) == (args, kwargs)
        assert one.queue is session.queue


def test_what_the_caller_does_with_its_arguments_later_changes_nothing(session: Session) -> None:
    numbers = [1]
    session.manager.schedules.add("nightly", samples.echo, numbers, every=60)
    numbers.append(2)
    session.commit()
    first = session.manager.schedules.run_now("nightly")
    first.args[0].append(3)
    assert list(session.manager.schedules.run_now("nightly").args) == [[1]]


def test_stored_objects_are_the_same_in_all_runs(session: Session) -> None:
    account = session.keep(samples.Demo())
    add(session, call=account.increase)
    partial = session.manager.schedules.run_now("nightly")
    session.commit()
    assert partial.callable() == 1
    assert account.counter == 1


def test_the_options_of_a_put_are_those_of_each_run(session: Session) -> None:
    add(
        session, call=Partial(samples.echo, "s3cret"), retry=NeverRetry, secret=True, detached=True,
        isolate=True, begin_by=timedelta(minutes=5), run_as="bob", priority=-5,
    )  # fmt: skip
    partial = session.manager.schedules.run_now("nightly")
    session.commit()
    assert partial.retry_policy == "zcasync.retry.stock:NeverRetry"
    assert (partial.secret, partial.begin_by) == (True, timedelta(minutes=5))
    assert (partial.is_detached, partial.is_isolated) == (True, True)
    assert (partial.context["run_as"], partial.controls["priority"]) == ("bob", -5)


def test_the_options_of_the_queue_and_of_the_callable_count_when_it_is_added(
    session: Session,
) -> None:
    session.queue.batch = True
    session.queue.set_defaults(retry="never")
    add(session)
    add(session, "alone", batch=False)
    session.queue.batch = False
    session.queue.set_defaults()
    partial = session.manager.schedules.run_now("nightly")
    assert (partial.is_batch, partial.retry_policy) == (True, "never")
    assert not session.manager.schedules.run_now("alone").is_batch


def test_a_unique_call_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="is to be unique, which a schedule's jobs are not"):
        add(session, unique="key")


def test_the_next_ticks_are_computed_before_any_engine_has_seen_the_schedule(
    session: Session, fake_clock: FakeClock
) -> None:
    schedule = add(session, zone="Europe/Berlin")
    assert schedule.filed == TO_PLAN
    days = [(one.day, one.hour) for one in session.manager.schedules.next_ticks("nightly", 3)]
    assert days == [(11, 1), (12, 1), (13, 1)]
    assert schedule.next_tick == datetime(2006, 8, 11, 1, tzinfo=UTC)


def test_a_paused_schedule_has_no_next_ticks(session: Session) -> None:
    schedule = add(session)
    session.manager.schedules.pause("nightly")
    session.commit()
    assert schedule.is_paused
    assert schedule.next_ticks() == []
    assert schedule.next_tick is None
    last = session.connection.db().lastTransaction()
    session.manager.schedules.pause("nightly")
    session.commit()
    assert session.connection.db().lastTransaction() == last, "it is paused already"
    session.manager.schedules.resume("nightly")
    session.commit()
    assert len(schedule.next_ticks()) == 5


def test_what_is_removed_is_nowhere_and_can_be_added_again(session: Session) -> None:
    add(session)
    session.manager.schedules.remove("nightly")
    session.commit()
    assert session.manager.agenda is not None
    assert session.manager.agenda.due(clock.LAST) == []
    assert len(session.manager.schedules) == 0
    add(session)
    assert list(session.manager.schedules) == ["nightly"]


def test_what_is_paused_can_be_removed(session: Session) -> None:
    add(session)
    session.manager.schedules.pause("nightly")
    session.commit()
    session.manager.schedules.remove("nightly")
    session.commit()
    assert list(session.manager.schedules) == []


def test_the_last_runs_say_what_became_of_them(session: Session) -> None:
    schedule = add(session)
    partials = [session.manager.schedules.run_now("nightly") for _ in range(12)]
    session.commit()
    partials[-1].fail()
    session.queue.discard([partials[-2]])
    session.commit()
    runs = schedule.runs
    assert [one.id for one in runs] == [one.id for one in reversed(partials[2:])]
    assert runs[0].partial.unhandled_error
    assert runs[1].partial.queue is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_cron", 7), ("_every", 1.5), ("_limit", -1), ("_next", "soon"), ("_runs", [1]),
        ("_runs", ((1, b"short"),)), ("_call", "abs"), ("_cron", None), ("_paused", None),
    ],
)  # fmt: skip
def test_a_damaged_schedule_is_not_loaded_and_can_be_removed(
    session: Session, connect: Connect, name: str, value: Any
) -> None:
    schedule = add(session)
    setattr(schedule, name, value)
    session.commit()
    other = connect()
    with pytest.raises(StateLoadError):
        other.manager.schedules["nightly"]._p_activate()
    other.manager.schedules.remove("nightly")
    other.commit()
    assert list(other.manager.schedules) == []


def test_a_schedule_of_a_version_without_its_newer_attributes_can_be_used(
    session: Session,
) -> None:
    schedule = add(session)
    assert {"_paused", "_runs", "_last", "_skipped", "_source", "_by", "_anchor"}.isdisjoint(
        name for name in schedule.__getstate__() if name != "_by"
    )
    assert isinstance(schedule, Schedule)
