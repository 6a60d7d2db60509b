"""Run again: what is over waits in its queue once more, and is in no other place."""

from __future__ import annotations

from datetime import timedelta

import pytest
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support import scenes
from tests.support.sessions import THREE, Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.audit.inspection import inspect
from zcasync.errors import AbortedError, BadStateError
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.perform.performer import Performer
from zcasync.workers.completed import PAGE_SIZE
from zcasync.workers.worker import Worker


def perform(session: Session, worker: Worker, partial: Partial, retires: bool = True) -> None:
    """Have the worker claim a partial, perform it, and retire it."""
    session.sync()
    scenes.claim(session, worker, [partial])
    Performer().perform(partial)
    session.sync()
    if retires:
        retire(session, worker, partial)


def retire(session: Session, worker: Worker, partial: Partial) -> None:
    worker.thread.remove(partial)
    worker.completed.add(partial)
    session.commit()


def assert_sound(session: Session) -> None:
    """Every job is in its one place, and every count is right."""
    session.sync()
    assert inspect(session.connection, session.manager).findings == []


@pytest.fixture
def worker(session: Session) -> Worker:
    return scenes.serve(session)


@pytest.mark.parametrize("retires", [True, False], ids=["retired", "still claimed"])
def test_what_has_failed_is_called_again_with_fresh_attempts(
    session: Session, worker: Worker, retires: bool
) -> None:
    partial = session.queue.put(Partial(samples.raise_value_error), begin_by=timedelta(hours=1))
    session.commit()
    perform(session, worker, partial, retires)
    failure, ended = partial.result, partial.ended_at
    assert (partial.state, partial.attempts) == (COMPLETED, 1)

    partial.retry()
    session.commit()

    assert (partial.state, partial.result, partial.attempts, partial.ended) == (
        PENDING,
        None,
        0,
        None,
    )
    assert (partial.started, partial.claim, partial.begin_by) == (None, None, timedelta(hours=1))
    assert partial.last_failure.getErrorMessage() == failure.getErrorMessage()
    [before] = partial.failed_before
    assert (before.type, before.worker) == ("builtins.ValueError", worker.uuid_bytes)
    assert before.moment == ended
    assert list(session.queue) == [partial]
    assert list(worker.completed) == list(worker.thread) == []
    assert len(worker.completed) == 0
    assert_sound(session)
    perform(session, worker, partial)
    assert (partial.state, partial.attempts) == (COMPLETED, 1)
    assert isinstance(partial.result, Failure)
    assert list(worker.completed) == [partial]
    assert_sound(session)


def test_every_callback_is_called_again_as_it_was_given(session: Session, worker: Worker) -> None:
    partial = session.queue.put(Partial(samples.make_six))
    last = partial.addCallbacks(samples.note, samples.raise_value_error).addCallback(samples.note)
    session.commit()
    samples.NOTED.clear()
    perform(session, worker, partial)
    assert (samples.NOTED, last.state) == ([6, 6], COMPLETED)

    partial.retry()
    session.commit()
    assert (last.state, partial.callbacks[0].state) == (PENDING, PENDING)
    perform(session, worker, partial)

    assert samples.NOTED == [6, 6, 6, 6]
    assert (partial.state, last.state) == (COMPLETED, COMPLETED)


def test_what_has_waited_for_the_result_is_not_ended_by_the_next_one(
    session: Session, worker: Worker
) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    session.commit()
    perform(session, worker, outer, retires=False)
    worker.thread.remove(outer)
    inner = outer.waits_for
    perform(session, worker, inner)
    worker.completed.add(outer)
    session.commit()
    assert (outer.state, outer.result) == (COMPLETED, 6)

    outer.retry()
    inner.retry()
    session.commit()
    assert inner.callbacks == ()
    scenes.claim(session, worker, [outer, inner])
    Performer().perform(inner)
    session.sync()
    assert (inner.state, outer.state) == (COMPLETED, ACTIVE)


def test_a_late_result_of_the_time_before_ends_nothing(session: Session, worker: Worker) -> None:
    outer = session.queue.put(Partial.bind(samples.put_and_return, samples.make_six))
    session.commit()
    perform(session, worker, outer, retires=False)
    worker.thread.remove(outer)
    first = outer.waits_for
    end(outer, from_exception(AbortedError("cancelled")))
    session.commit()

    outer.retry()
    session.commit()
    [one, other] = session.claim(2)
    assert {one, other} == {outer, first}
    for claimed in (outer, first):
        claimed.assign(worker.incarnation)
    session.commit()
    Performer().perform(outer)
    session.sync()
    second = outer.waits_for
    assert second is not first
    Performer().perform(first)
    session.sync()
    assert (first.state, outer.state) == (COMPLETED, ACTIVE), "it waits for the second one"


def test_what_cannot_be_run_again_says_why(session: Session, worker: Worker) -> None:
    waits, over = session.queue.put(Partial(abs, -1)), session.queue.put(Partial(abs, -2))
    callback = over.addCallback(abs).addCallback(abs)
    direct = session.keep(Partial(abs, -1))
    session.commit()
    with pytest.raises(BadStateError, match=r"pending> is not over: .* cancel it first"):
        waits.retry()
    with pytest.raises(BadStateError, match=rf"run {over!r} again, and its callbacks follow"):
        callback.retry()
    direct()
    with pytest.raises(BadStateError, match="was in no queue: put a new Partial"):
        direct.retry()
    scenes.claim(session, worker, [waits, over])
    scenes.end(over, 1)
    with pytest.raises(BadStateError, match="not over"):
        over.retry()


def test_two_at_once_are_one(session: Session, worker: Worker, connect: Connect) -> None:
    partial = session.queue.put(Partial(samples.make_six))
    session.commit()
    perform(session, worker, partial)
    other = connect()
    same = other.same(partial)
    partial.retry()
    same.retry()
    session.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    with pytest.raises(BadStateError, match="not over"):
        same.retry()
    assert_sound(session)


@pytest.mark.parametrize("retry_is_first", [True, False])
def test_a_retirement_at_the_same_time_conflicts(
    session: Session, worker: Worker, connect: Connect, retry_is_first: bool
) -> None:
    partial = session.queue.put(Partial(samples.make_six))
    session.commit()
    perform(session, worker, partial, retires=False)
    other = connect()
    engine = other.same(worker)
    partial.retry()
    engine.thread.remove(other.same(partial))
    engine.completed.add(other.same(partial))
    first, second = (session, other) if retry_is_first else (other, session)
    first.commit()
    with pytest.raises(ConflictError):
        second.commit()
    second.abort()
    if not retry_is_first:
        partial.retry()
        session.commit()
    assert partial.state == PENDING
    assert_sound(session)


def test_a_callback_added_at_the_same_time_conflicts(
    session: Session, worker: Worker, connect: Connect
) -> None:
    partial = session.queue.put(Partial(samples.make_six))
    session.commit()
    perform(session, worker, partial)
    partial.addCallback(samples.note)
    session.commit()
    other = connect()
    other.same(partial).retry()
    partial.addCallback(samples.note)
    session.commit()
    with pytest.raises(ConflictError):
        other.commit()


def test_a_worker_that_is_gone_and_a_job_that_is_kept_no_longer_are_no_hindrance(
    session: Session, worker: Worker
) -> None:
    partials = session.queue.put_many([Partial(samples.make_six) for _ in range(2)])
    session.commit()
    scenes.claim(session, worker, partials)
    for partial in partials:
        Performer().perform(partial)
        session.sync()
        retire(session, worker, partial)
    worker.completed._buckets = ()
    session.commit()
    partials[0].retry()
    session.commit()
    session.manager.workers.remove(worker)
    session.commit()
    partials[1].retry()
    session.commit()
    assert list(session.queue) == partials
    assert_sound(session)


@pytest.mark.parametrize("count", [1, PAGE_SIZE, PAGE_SIZE + 1, 3 * PAGE_SIZE])
def test_counts_stay_right_whatever_is_run_again(
    session: Session, fake_clock: FakeClock, count: int
) -> None:
    worker = Worker(THREE)
    session.manager.workers.add(worker)
    scenes.serve(session, THREE)
    partials = session.queue.put_many([Partial(abs, -1) for _ in range(count)])
    session.commit()
    assert session.claim(count) == partials
    for partial in partials:
        partial.assign(worker.incarnation)
        scenes.end(partial, 1)
        partial._ended = fake_clock()
        fake_clock.advance(seconds=1)
    worker.completed.extend(partials)
    session.commit()
    again = partials[::2]
    session.queue.put_again(again[:3])
    session.commit()
    session.queue.put_again(again[3:])
    session.commit()
    assert list(worker.completed) == partials[1::2][::-1]
    assert len(worker.completed) == len(partials[1::2])
    worker.completed.extend(again)
    assert len(worker.completed) == len(list(worker.completed)) == count


def test_the_engine_that_begins_a_page_meets_who_takes_from_the_one_before(
    session: Session, worker: Worker, connect: Connect
) -> None:
    partials = session.queue.put_many([Partial(abs, -1) for _ in range(PAGE_SIZE)])
    session.commit()
    scenes.claim(session, worker, partials)
    for partial in partials:
        scenes.end(partial, 1)
        worker.thread.remove(partial)
    worker.completed.extend(partials)
    session.commit()
    other = connect()
    engine = other.same(worker)
    new = Partial(abs, -1)
    other.connection.add(new)
    scenes.end(new, 1)
    engine.completed.add(new)
    partials[0].retry()
    session.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    session.sync()
    assert len(worker.completed) == len(list(worker.completed)) == PAGE_SIZE - 1


def test_the_deadline_counts_from_the_retry(
    session: Session, worker: Worker, fake_clock: FakeClock
) -> None:
    partial = session.queue.put(Partial(abs, -1), begin_by=timedelta(hours=1))
    session.commit()
    fake_clock.advance(hours=2)
    perform(session, worker, partial)
    assert isinstance(partial.result, Failure)
    partial.retry()
    session.commit()
    assert partial.begin_after == clock.to_datetime(fake_clock())
    assert not partial.is_too_late
    perform(session, worker, partial)
    assert partial.result == 1


def test_the_policy_may_be_set_by_the_name_of_the_put_s_argument(session: Session) -> None:
    partial = Partial(abs, -1)
    partial.retry = "never"
    assert partial.retry_policy == "never"
    assert callable(partial.retry), "and the method is there"


def test_the_search_looks_at_few_pages_when_most_are_empty_already(
    session: Session, worker: Worker, connect: Connect, fake_clock: FakeClock
) -> None:
    partials = session.queue.put_many([Partial(abs, -1) for _ in range(64 * PAGE_SIZE)])
    for partial in partials:
        partial.assign(worker.incarnation)
        scenes.end(partial, 1)
        partial._ended = fake_clock()
        fake_clock.advance(seconds=1)
    worker.completed.extend(partials)
    session.commit()
    worker.completed.take(partials[-60 * PAGE_SIZE :])
    session.commit()
    other = connect()
    found = other.same(partials[3 * PAGE_SIZE])
    assert other.same(worker).completed.take([found]) == {found._p_oid}
    [bucket] = other.same(worker).completed._buckets
    loaded = [page for page in bucket.pages.values() if page._p_changed is not None]
    assert len(loaded) < 12
