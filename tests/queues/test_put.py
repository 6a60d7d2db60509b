"""Putting calls in a queue: what is accepted, what is refused, when it will run."""

from datetime import UTC, datetime, timedelta, timezone
from types import FunctionType
from typing import Any

import pytest
from zope.interface import implementedBy
from zope.interface.registry import Components

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Connect, FakeClock, Session
from zcasync import Partial
from zcasync.datamanager import PartialQueue
from zcasync.errors import BadCallable
from zcasync.interfaces import PENDING, IDataManagerPartial
from zcasync.queues import put as queue_put


@pytest.fixture
def queue(session: Session, fake_clock: FakeClock) -> PartialQueue:
    """A queue, at a moment that stands still."""
    return session.queue


@pytest.mark.parametrize("call", [samples.nothing, len, Demo.make, Partial(samples.nothing)])
def test_functions_builtins_and_partials_can_be_put(queue: PartialQueue, call: object) -> None:
    partial = queue.put(call)

    assert partial is call or partial.callable == call
    assert (partial.queue, partial.state, list(queue)) == (queue, PENDING, [partial])


def test_a_method_of_a_persistent_object_can_be_put(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.queue.put(demo.increase)
    session.commit()
    session.connection.cacheMinimize()

    assert partial.callable == demo.increase


def test_a_method_of_an_object_that_is_new_stores_the_object(connect: Connect) -> None:
    one, other = connect(), connect()
    partial = one.queue.put(Demo().increase)
    one.commit()
    other.sync()

    assert other.same(partial).callable.__self__.counter == 0


@pytest.mark.parametrize("call", [lambda: None, samples.Plain().method, 42])
def test_a_callable_that_cannot_be_called_later_is_refused_at_once(
    queue: PartialQueue, call: object
) -> None:
    with pytest.raises(BadCallable):
        queue.put(call)
    assert len(queue) == 0


def test_a_partial_without_a_time_is_due_now(queue: PartialQueue, fake_clock: FakeClock) -> None:
    partial = queue.put(samples.nothing)

    assert (partial.begin_after, partial.begin_by) == (fake_clock.moment, None)
    assert list(queue.iterDue()) == [partial]


def test_a_time_that_has_passed_means_now(queue: PartialQueue, fake_clock: FakeClock) -> None:
    partial = queue.put(samples.nothing, fake_clock.later(days=-20))

    assert partial.begin_after == fake_clock.moment
    assert list(queue.iterDue()) == [partial]


def test_a_later_time_is_normalised_to_utc(queue: PartialQueue, fake_clock: FakeClock) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    partial = queue.put(samples.nothing, fake_clock.later(hours=1).astimezone(zone))

    assert partial.begin_after == fake_clock.later(hours=1)
    assert partial.begin_after.utcoffset() == timedelta(0)
    assert list(queue.iterDue()) == []
    fake_clock.advance(hours=1)
    assert list(queue.iterDue()) == [partial]


def test_a_naive_time_is_refused_by_name(queue: PartialQueue) -> None:
    with pytest.raises(ValueError, match="begin_after must be timezone-aware"):
        queue.put(samples.nothing, datetime.now(UTC).replace(tzinfo=None))
    assert len(queue) == 0


@pytest.mark.parametrize("wrong", [5, "now", datetime.now(UTC).date()])
def test_a_value_that_is_no_time_is_refused_by_name(queue: PartialQueue, wrong: object) -> None:
    with pytest.raises(TypeError, match="begin_after must be a datetime"):
        queue.put(samples.nothing, wrong)


def test_begin_after_may_be_a_time_from_now_on(queue: PartialQueue, fake_clock: FakeClock) -> None:
    relative = queue.put(samples.nothing, timedelta(hours=1))
    assert relative.begin_after == queue.put(samples.nothing, delay=3600).begin_after
    assert relative.begin_after == fake_clock.moment + timedelta(hours=1)
    with pytest.raises(ValueError, match="delay must not be negative"):
        queue.put(samples.nothing, timedelta(hours=-1))
    with pytest.raises(ValueError, match="give one of them"):
        queue.put(samples.nothing, timedelta(hours=1), delay=1)


def test_begin_by_counts_from_begin_after(queue: PartialQueue, fake_clock: FakeClock) -> None:
    partial = queue.put(samples.nothing, fake_clock.later(hours=1), timedelta(minutes=5))

    assert partial.begin_by == timedelta(minutes=5)
    assert partial.begin_deadline == fake_clock.microseconds + 65 * 60 * 1_000_000
    assert queue.put(samples.nothing, begin_by=timedelta(0)).begin_by == timedelta(0)


def test_begin_by_of_a_time_that_has_passed_counts_from_now(
    queue: PartialQueue, fake_clock: FakeClock
) -> None:
    partial = queue.put(samples.nothing, fake_clock.later(days=-1), timedelta(minutes=5))

    assert partial.begin_deadline == fake_clock.microseconds + 5 * 60 * 1_000_000


@pytest.mark.parametrize(
    ("wrong", "kind"), [(timedelta(seconds=-1), ValueError), (5, TypeError), ("5", TypeError)]
)
def test_a_begin_by_that_makes_no_sense_is_refused_by_name(
    queue: PartialQueue, wrong: object, kind: type[Exception]
) -> None:
    partial = Partial(samples.nothing)
    with pytest.raises(kind, match="begin_by must"):
        queue.put(partial, begin_by=wrong)
    assert queue.put(partial) is partial, "a refused put has changed nothing"


def test_unknown_options_are_refused_and_change_nothing(queue: PartialQueue) -> None:
    partial = Partial(samples.nothing)

    with pytest.raises(TypeError, match="nonsense"):
        queue.put(partial, nonsense=1)
    with pytest.raises(TypeError, match="nonsense"):
        queue.put_many([partial], nonsense=1)
    assert queue.put(partial, batch=True)._batch
    assert not queue.put(samples.nothing)._batch


def test_a_queue_can_let_all_its_jobs_share_commits(session: Session, queue: PartialQueue) -> None:
    queue.batch = True
    session.commit()
    assert queue.put(samples.nothing)._batch
    assert [one._batch for one in queue.put_many([samples.nothing, samples.nothing])] == [True] * 2
    assert not queue.put(samples.nothing, batch=False)._batch
    assert not session.manager.reactor.put(samples.nothing)._batch


def test_a_partial_is_put_once(session: Session, queue: PartialQueue) -> None:
    partial = queue.put(samples.nothing)
    for other in (queue, session.manager.reactor):
        with pytest.raises(ValueError, match="was put already: make a new Partial"):
            other.put(partial)
    session.commit()
    session.activate(partial)
    with pytest.raises(ValueError, match="was put already"):
        queue.put(partial)
    assert len(queue) == 0


def test_a_partial_that_was_called_is_not_put(queue: PartialQueue) -> None:
    partial = Partial(samples.nothing)
    partial()

    with pytest.raises(ValueError, match="has been called already: make a new Partial"):
        queue.put(partial)


def test_put_many_puts_all_of_them_in_order(queue: PartialQueue, fake_clock: FakeClock) -> None:
    given = [samples.nothing, len, Partial(samples.multiply, 2)]
    partials = queue.put_many(iter(given), batch=True)

    assert [partial.callable for partial in partials[:2]] == given[:2]
    assert partials[2] is given[2]
    assert list(queue) == partials
    assert all(partial._batch for partial in partials)
    assert {partial.begin_after for partial in partials} == {fake_clock.moment}
    assert queue.put_many([]) == []


def test_put_many_takes_the_times_that_put_takes(
    queue: PartialQueue, fake_clock: FakeClock
) -> None:
    later = fake_clock.later(hours=1)
    many = [samples.nothing] * 3
    partials = queue.put_many(many, begin_after=later, begin_by=timedelta(minutes=1))

    assert {(one.begin_after, one.begin_by) for one in partials} == {(later, timedelta(minutes=1))}
    assert (list(queue.iterDue()), queue.count_held()) == ([], 3)
    for wrong in ({"begin_after": datetime(2006, 8, 10)}, {"begin_by": timedelta(-1)}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            queue.put_many(many, **wrong)
    assert len(queue) == 3


def test_a_function_that_is_put_many_times_is_another_partial_each_time(
    session: Session, queue: PartialQueue
) -> None:
    partials = queue.put_many([samples.nothing] * 3, batch=True, retry="never")
    session.commit()

    assert len({partial._p_oid for partial in partials}) == 3
    assert [vars(partial) for partial in partials[1:]] == [vars(partials[0])] * 2
    assert partials[2].callable is samples.nothing
    assert (partials[2]._batch, partials[2].retry_policy) == (True, "never")


def test_an_adapter_of_a_function_makes_a_partial_for_each_put(
    queue: PartialQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def adapt(call: Any) -> Partial:
        return Partial(call, "an argument of the adapter's")

    registry = Components()
    registry.registerAdapter(adapt, [implementedBy(FunctionType)], IDataManagerPartial)
    monkeypatch.setattr(queue_put, "getGlobalSiteManager", lambda: registry)
    partials = queue.put_many([samples.note] * 2)

    assert partials[0] is not partials[1]
    assert [list(partial.args) for partial in partials] == [["an argument of the adapter's"]] * 2


def test_put_many_puts_all_or_none(session: Session, queue: PartialQueue) -> None:
    fresh, used = Partial(samples.nothing), queue.put(samples.nothing)
    for bad in (used, lambda: None, fresh):
        with pytest.raises((ValueError, BadCallable)):
            queue.put_many([fresh, samples.nothing, bad])

    assert list(queue) == [used]
    assert len(queue) == 1
    assert queue.put(fresh) is fresh
    session.commit()


def test_a_put_has_no_effect_before_the_commit_and_none_after_an_abort(connect: Connect) -> None:
    one, other = connect(), connect()
    one.queue.put(samples.nothing)
    other.sync()
    assert (len(other.queue), other.claim()) == (0, [])

    one.abort()
    assert (len(one.queue), list(one.queue)) == (0, [])


def test_a_queue_outside_a_database_works_too(fake_clock: FakeClock) -> None:
    queue = PartialQueue()
    partial = queue.put(samples.nothing)
    held = queue.put(samples.nothing, fake_clock.later(hours=1))

    assert list(queue) == [partial, held]
    assert queue.claim(b"1" * 16, 10).partials == [partial]
    assert (len(queue), queue.count_held(), bool(PartialQueue())) == (1, 1, True)
