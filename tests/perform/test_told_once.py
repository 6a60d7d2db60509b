"""Each end is told once, by the process that has made it: not by those that come too late."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.jobs import samples
from tests.perform.test_notices import claimed, performed
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.errors import AbortedError
from zcasync.interfaces import COMPLETED
from zcasync.job.ids import hex_oid
from zcasync.liveness.interruption import cancel
from zcasync.perform.group_commit import Group
from zcasync.perform.notices import Notice
from zcasync.perform.performer import Performer


@pytest.fixture
def other(connect: Connect) -> Session:
    """The session of another process."""
    return connect()


def cancelled(session: Session, partial: Partial) -> None:
    """Lets another process end a partial."""
    session.sync()
    cancel(session.same(partial), "anna", [])
    session.commit()


def held(session: Session, call: Any, told: list[Notice], **options: Any) -> Any:
    """A claimed call, with its performer, that waits for its Deferred."""
    performer = Performer(tell=told.append, hold=lambda partial, deferred: None)
    partial = claimed(session, call, **options)
    performer.perform(partial)
    return partial, performer


def ended_by_another(partial: Partial) -> bool:
    return partial.state == COMPLETED and bool(partial.result.check(AbortedError))


@pytest.mark.parametrize("value", [7, Failure(ValueError("late"))])
def test_a_deferred_that_fires_too_late_is_not_told_of(
    session: Session, other: Session, value: Any
) -> None:
    told: list[Notice] = []
    partial, performer = held(session, samples.open_deferred, told)
    cancelled(other, partial)
    session.sync()
    performer.settle(partial, value)
    assert ended_by_another(partial)
    assert told == []


def test_a_deferred_that_fires_with_what_cannot_be_stored_is_told_of(session: Session) -> None:
    told: list[Notice] = []
    partial, performer = held(session, samples.open_deferred, told)
    performer.settle(partial, samples.unpicklable())
    assert [one.type for one in told] == ["zcasync.errors.UnstorableError"]
    performer.settle(partial, samples.unpicklable())
    assert len(told) == 1


def test_a_job_that_is_cancelled_when_it_begins_to_wait_is_not_told_of(
    session: Session, other: Session
) -> None:
    partial = claimed(session, samples.open_deferred)

    def hold(held: Partial, deferred: Deferred[Any]) -> None:
        cancelled(other, held)
        session.sync()

    assert performed(partial, hold=hold) == []
    assert ended_by_another(partial)


def test_a_detached_call_that_others_have_ended_is_not_told_of(
    session: Session, other: Session
) -> None:
    partial = claimed(session, samples.nothing, detached=True)

    def invoke(call: Any) -> None:
        cancelled(other, partial)

    assert performed(partial, invoke=invoke) == []
    assert ended_by_another(partial)


def test_what_is_ended_in_vain_is_not_told_of(session: Session, other: Session) -> None:
    partial = claimed(session, samples.nothing)
    told: list[Notice] = []
    cancelled(other, partial)
    Performer(tell=told.append).finish(partial, None)
    assert ended_by_another(partial)
    assert told == []


def test_of_a_group_only_those_are_told_of_that_it_has_committed(
    session: Session, other: Session
) -> None:
    told: list[Notice] = []
    partials = [claimed(session, samples.give_back, ValueError("mine")) for _ in range(2)]
    failing = claimed(session, session.keep(samples.Demo()).increase_and_fail)
    group = Group(Performer(tell=told.append), session.transactions)
    assert all(map(group.add, [*partials, failing]))
    cancelled(other, partials[1])

    assert group.commit() == [
        partials[0]._p_oid,
        failing._p_oid,
    ]  # the second one's conflict undoes all
    assert ended_by_another(partials[1])
    assert told == []


def test_what_fails_in_a_group_is_told_of(session: Session) -> None:
    told: list[Notice] = []
    failing = claimed(session, session.keep(samples.Demo()).increase_and_fail)
    group = Group(Performer(tell=told.append), session.transactions)
    assert group.add(failing)
    assert group.commit() == []
    assert [one.job for one in told] == [hex_oid(failing._p_oid)]


def waiting_for(session: Session, call: Any) -> tuple[Partial, Partial]:
    """A claimed call, and who waits for it."""
    inner = session.queue.put(Partial(call))
    outer = session.queue.put(Partial(samples.give_back, inner))
    session.commit()
    session.activate(outer)
    assert performed(outer) == []
    return inner, outer


def test_who_was_cancelled_in_waiting_is_not_told_of_again(
    session: Session, other: Session
) -> None:
    inner, outer = waiting_for(session, samples.raise_value_error)
    cancelled(other, outer)
    session.sync()
    assert [one.job for one in performed(inner)] == [hex_oid(inner._p_oid)]
    assert ended_by_another(outer)


def test_who_waits_is_told_of_when_the_result_cannot_be_handed_on(session: Session) -> None:
    inner, outer = waiting_for(session, samples.nothing)

    def invoke(call: Any, *args: Any) -> Any:
        if args:  # handing it on
            raise MemoryError("no room")
        return call(*args)

    callback, waiter = performed(inner, invoke=invoke)
    assert (callback.callback_of, callback.type) == (hex_oid(inner._p_oid), "MemoryError")
    assert (waiter.job, waiter.type) == (hex_oid(outer._p_oid), "MemoryError")
    assert outer.result.check(MemoryError)


def test_who_was_cancelled_in_waiting_is_not_told_of_when_that_fails(
    session: Session, other: Session
) -> None:
    inner, outer = waiting_for(session, samples.nothing)
    cancelled(other, outer)
    session.sync()

    def invoke(call: Any, *args: Any) -> Any:
        if args:
            raise MemoryError("no room")
        return call(*args)

    assert [one.type for one in performed(inner, invoke=invoke)] == ["MemoryError"]
