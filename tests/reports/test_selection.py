"""Which jobs a selection is about, and that it finds them in every place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import click
import pytest
from persistent import GHOST

from tests.jobs import samples
from tests.support import scenes
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial
from zcasync.cli.selection import Since
from zcasync.errors import JobCancelled
from zcasync.job.failure import from_exception
from zcasync.reports.selection import Selection
from zcasync.reports.walk import PIECE, walk


def found(session: Session, selection: Selection) -> list[str]:
    return [partial.annotations.get("name", "?") for partial in walk(session.manager, selection)]


def named(name: str, call: Callable[..., object] = abs) -> Partial:
    partial = Partial(call, -1)
    partial.annotations["name"] = name
    return partial


@pytest.fixture
def full(connect: Connect, fake_clock: FakeClock) -> Session:
    """Jobs that completed, failed and were cancelled, an hour apart, and what waits and runs."""
    session = connect()
    worker = scenes.serve(session)
    ends = {
        "good": 1,
        "bad": from_exception(ValueError("no")),
        "cancelled": from_exception(JobCancelled("cancelled by me")),
    }
    for name, result in ends.items():
        partial = session.queue.put(named(name))
        session.commit()
        scenes.claim(session, worker, [partial])
        scenes.end(partial, result)
        partial._ended = fake_clock()
        worker.thread.lists(1)[0].items = ()
        worker.completed.add(partial)
        session.commit()
        fake_clock.advance(hours=1)
    runs, waits_for = session.queue.put_many([named("runs"), named("waits for")])
    session.commit()
    scenes.claim(session, worker, [runs, waits_for])
    other = session.manager.reactor.put(named("waits", samples.echo))
    waits_for.wait_for(other)
    session.queue.put(named("held"), begin_after=fake_clock.later(hours=5))
    session.commit()
    return session


def test_every_condition_selects_its_jobs(full: Session) -> None:
    everything = ["runs", "waits for", "held", "waits", "cancelled", "bad", "good"]
    assert found(full, Selection()) == everything
    assert found(full, Selection(failed=True)) == ["bad"]
    assert found(full, Selection(cancelled=True)) == ["cancelled"]
    assert found(full, Selection(failed=True, cancelled=True)) == ["cancelled", "bad"]
    assert found(full, Selection(waiting=True)) == ["waits for", "held", "waits"]
    assert found(full, Selection(waiting=True, failed=True)) == [
        "waits for", "held", "waits", "bad",
    ]  # fmt: skip
    assert found(full, Selection(state="active")) == ["runs", "waits for"]
    assert found(full, Selection(state="active", waiting=True)) == ["waits for"]
    assert found(full, Selection(queue="reactor")) == ["waits"]
    assert found(full, Selection(failed=True, queue="reactor")) == []


@pytest.mark.parametrize("call", ["tests.jobs.samples.echo", "samples.echo", "echo", "*.ec?o"])
def test_a_call_is_named_by_its_end_or_by_a_pattern(full: Session, call: str) -> None:
    assert found(full, Selection(call=call)) == ["waits"]
    assert found(full, Selection(call="cho")) == []


def test_since_counts_from_the_last_that_has_happened(full: Session, fake_clock: FakeClock) -> None:
    since = fake_clock() - timedelta(hours=2, minutes=1) // timedelta(microseconds=1)
    assert found(full, Selection(since=since, state="completed")) == ["cancelled", "bad"]
    assert found(full, Selection(since=fake_clock(), waiting=True)) == [
        "waits for", "held", "waits",
    ]  # fmt: skip
    assert found(full, Selection(since=fake_clock() + 1, waiting=True)) == ["held"]


def test_a_walk_loads_some_hundreds_with_one_request(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = connect()
    writer.queue.put_many([abs] * (2 * PIECE))
    writer.commit()
    session = connect()
    asked: list[int] = []
    monkeypatch.setattr(
        "zcasync.reports.walk.load_all", lambda _, oids: asked.append(len(list(oids)))
    )
    assert sum(1 for _ in walk(session.manager, Selection(waiting=True))) == 2 * PIECE
    assert len(asked) <= 4


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400), ("3d", 259200)]
)
def test_a_time_is_so_long_ago(text: str, seconds: float) -> None:
    from zcasync import clock

    moment = Since().convert(text, None, None)
    assert clock.now() - moment == pytest.approx(seconds * 1e6, abs=60e6)


def test_a_time_is_an_iso_time_in_utc() -> None:
    midnight = Since().convert("2026-01-31", None, None)
    assert Since().convert("2026-01-31T00:00:00Z", None, None) == midnight
    assert Since().convert("2026-01-31T02:00+02:00", None, None) == midnight


@pytest.mark.parametrize("text", ["", "yesterday", "2", "-2h", "2y", "9" * 400 + "d", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no time such as 30m"):
        Since().convert(text, None, None)


def test_what_waits_for_another_job_is_listed_beside_it(connect: Connect) -> None:
    session = connect()
    worker = scenes.serve(session)
    first, second = session.queue.put_many([named("first"), named("second")])
    session.commit()
    scenes.claim(session, worker, [first, second])
    third = session.queue.put(named("third"))
    second.wait_for(third)
    first.wait_for(second)
    worker.thread.lists(1)[0].items = ()  # as the next pass of their worker leaves it
    session.commit()
    assert found(session, Selection()) == ["third", "second", "first"]
    assert found(session, Selection(state="active")) == ["second", "first"]
    assert found(session, Selection(waiting=True)) == ["third", "second", "first"]
    assert found(session, Selection(state="pending")) == ["third"]


def test_the_failed_are_found_without_loading_those_that_succeeded(connect: Connect) -> None:
    session = connect()
    worker = scenes.serve(session)
    jobs = session.queue.put_many(named(f"job {number}") for number in range(200))
    session.commit()
    for number, partial in enumerate(jobs):
        partial.finish(from_exception(ValueError("no")) if number == 100 else None)
    worker.completed.extend(jobs)
    session.commit()
    oids = [partial._p_oid for partial in jobs]
    other = connect()
    assert found(other, Selection(failed=True)) == ["job 100"]
    loaded = [oid for oid in oids if other.connection.get(oid)._p_state != GHOST]
    assert loaded in ([], [oids[100]])
