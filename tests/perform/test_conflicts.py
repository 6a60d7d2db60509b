"""The conflicts that calls are attempted again for are told, with the object and the callable."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB.POSException import ConflictError, ReadConflictError

from tests.jobs.samples import Demo
from tests.perform.claiming import claimed
from tests.support.sessions import Connect, Session
from zcasync import Partial, current
from zcasync.job.conflict_counts import Conflict
from zcasync.job.ids import hex_oid
from zcasync.perform.conflicts import conflict_of
from zcasync.perform.group_commit import Group
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation

KIND = "tests.jobs.samples.Demo"
OTHERS: list[Any] = []


def change_what_others_change(demo: Demo) -> int:
    """Others change it first, as often as they want to."""
    demo.increase()
    if OTHERS:
        OTHERS.pop()()
    return demo.counter


def read_what_others_change(demo: Demo) -> int:
    """Depends on what others change first."""
    demo._p_jar.readCurrent(demo)
    if OTHERS:
        OTHERS.pop()()
    return demo.counter


def fail_with(error: Exception) -> None:
    partial = current()
    assert partial is not None
    if OTHERS:
        OTHERS.pop()
        raise error


def other_changes(connect: Connect, demo: Demo) -> Any:
    def change() -> None:
        other = connect()
        other.same(demo).increase(10)
        other.commit()

    return change


@pytest.mark.parametrize("call", [change_what_others_change, read_what_others_change])
def test_each_conflict_is_told_with_its_object_and_the_callable(
    session: Session, connect: Connect, incarnation: Incarnation, call: Any
) -> None:
    demo = session.keep(Demo())
    partial = claimed(session, incarnation, Partial(call, demo))
    OTHERS[:] = [other_changes(connect, demo)] * 2
    told: list[Conflict] = []

    Performer(conflicted=told.append).perform_claimed(partial, incarnation)

    assert partial.conflicts >= 2
    name = f"tests.perform.test_conflicts.{call.__name__}"
    assert told == [Conflict(KIND, hex_oid(demo._p_oid), (name,))] * partial.conflicts


def test_the_last_one_which_ends_the_job_is_not_a_retry(
    session: Session, connect: Connect, incarnation: Incarnation
) -> None:
    demo = session.keep(Demo())
    call = Partial(change_what_others_change, demo)
    partial = claimed(session, incarnation, call, retry="never")
    OTHERS[:] = [other_changes(connect, demo)]
    told: list[Conflict] = []

    Performer(conflicted=told.append).perform_claimed(partial, incarnation)

    assert partial.result.check(ConflictError)
    assert told == []


@pytest.mark.parametrize("error", [ConflictError("of nothing"), KeyError("no conflict")])
def test_what_names_no_object_is_not_told(
    session: Session, incarnation: Incarnation, error: Exception
) -> None:
    partial = claimed(session, incarnation, Partial(fail_with, error), retry=1)
    OTHERS[:] = [None]
    told: list[Conflict] = []

    Performer(conflicted=told.append).perform_claimed(partial, incarnation)

    assert partial.failed_attempts == 1
    assert told == []


def test_a_class_that_nobody_knows_is_said_to_be_that(session: Session) -> None:
    partial = session.keep(Partial(Demo.make))
    nowhere = ReadConflictError(oid=b"\0\0\0\0\0\0\xff\xff")

    assert conflict_of(nowhere, [partial]) == Conflict(
        "?", "0xffff", ("tests.jobs.samples.Demo.make",)
    )
    assert conflict_of(nowhere, []) is None


def test_a_group_tells_who_has_shared_its_commit(
    session: Session, connect: Connect, incarnation: Incarnation
) -> None:
    demo = session.keep(Demo())
    calls = [Partial(change_what_others_change, demo), Partial(demo.increase)]
    partials = [session.queue.put(one, batch=True) for one in calls]
    session.commit()
    for one in session.claim():
        one.assign(incarnation)
    session.commit()
    told: list[Conflict] = []
    group = Group(Performer(conflicted=told.append), session.transactions)
    for one in partials:
        assert group.add(one)
    other_changes(connect, demo)()

    assert group.commit() == [one._p_oid for one in partials]
    [found] = told
    assert found[:2] == (KIND, hex_oid(demo._p_oid))
    assert found.calls == (
        "tests.perform.test_conflicts.change_what_others_change",
        "tests.jobs.samples.Demo.increase",
    )
