"""Flows again: a flow that has failed goes on where it has come to, and repeats nothing."""

from __future__ import annotations

from typing import Any

import pytest
from BTrees.OOBTree import OOBTree
from persistent.list import PersistentList
from persistent.mapping import PersistentMapping
from twisted.python.failure import Failure

import zcasync
from tests.jobs import flows
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.control.again import retry
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING
from zcasync.liveness.interruption import cancel
from zcasync.testing import drain
from zcasync.testing.inline import run_inline


@pytest.fixture
def calls(session: Session) -> Any:
    """How often each call was made; while it has ``"bad"``, the calls named there fail."""
    return session.keep(PersistentMapping(bad=frozenset()), "calls")


def call(calls: Any, name: Any) -> Partial:
    return Partial(flows.note_or_fail, calls, name)


def put_failing(session: Session, calls: Any, flow: Any, *bad: Any, **options: Any) -> Any:
    """Put a flow of which these calls fail, perform all, and mend what was wrong with them."""
    calls["bad"] = frozenset(bad)
    session.queue.put(flow, **options)
    session.commit()
    drain(session.manager)
    assert isinstance(flow.result, Failure)
    calls["bad"] = frozenset()
    session.commit()
    return flow


def run_again(session: Session, *partials: Partial) -> None:
    ids = [("", one._p_oid) for one in partials]
    found = retry(session.connection, session.manager, ids, "jane")
    session.commit()
    assert set(found.values()) == {""}
    assert inspect(session.connection, session.manager).findings == []
    drain(session.manager)
    assert inspect(session.connection, session.manager).findings == []


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
@pytest.mark.parametrize("count", [2, 7, 40])
@pytest.mark.parametrize("bad", [0, 1])
def test_a_flow_that_has_failed_calls_the_rest_of_its_members(
    session: Session, calls: Any, make: Any, count: int, bad: int
) -> None:
    flow = make(*(call(calls, number) for number in range(count)))
    put_failing(session, calls, flow, bad)
    run_again(session, flow)
    assert flow.result == [*range(count)]
    assert flow.progress == (count, count, 0)
    assert {calls[number] for number in range(count)} == {1}


def test_serial_members_begin_in_their_order_again(session: Session, calls: Any) -> None:
    order = session.keep(PersistentList(), "order")
    calls["order"] = order
    pair = zcasync.parallel(call(calls, 3), call(calls, 4))
    inner = zcasync.serial(call(calls, 5), call(calls, 6))
    flow = zcasync.serial(call(calls, 1), call(calls, 2), pair, inner, call(calls, 7))
    put_failing(session, calls, flow, 2)
    assert list(order) == [1]
    run_again(session, flow)
    assert list(order) == [1, 2, 3, 4, 5, 6, 7]
    assert flow.result == [1, 2, [3, 4], [5, 6], 7]


def test_a_flow_within_goes_on_where_it_has_come_to(session: Session, calls: Any) -> None:
    inner = zcasync.serial(call(calls, 2), call(calls, 3), call(calls, 4))
    flow = zcasync.serial(call(calls, 1), inner, call(calls, 5))
    put_failing(session, calls, flow, 3)
    run_again(session, flow)
    assert flow.result == [1, [2, 3, 4], 5]
    assert {calls[number] for number in range(1, 6)} == {1}


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_the_member_may_be_run_again_first(session: Session, calls: Any, make: Any) -> None:
    flow = put_failing(session, calls, make(*(call(calls, number) for number in range(4))), 1)
    second = list(flow.members)[1]
    run_again(session, second)
    run_again(session, flow)
    assert flow.result == [0, 1, 2, 3]
    assert {calls[number] for number in range(4)} == {1}


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_all_that_has_failed_may_be_run_again_at_once(
    session: Session, calls: Any, make: Any
) -> None:
    flow = put_failing(session, calls, make(*(call(calls, number) for number in range(4))), 0)
    run_again(session, *reversed(list(flow.members)), flow)
    assert flow.result == [0, 1, 2, 3]


def test_a_flow_waits_for_a_member_that_runs_again(session: Session, calls: Any) -> None:
    flow = put_failing(session, calls, zcasync.parallel(call(calls, 0), call(calls, 1)), 1)
    [_, second] = flow.members
    for one in (second, flow):
        retry(session.connection, session.manager, [("", one._p_oid)], "jane")
    session.commit()
    assert list(session.queue) == [second]
    drain(session.manager)
    assert flow.result == [0, 1]


def test_what_follows_does_not_begin_before_its_turn(session: Session, calls: Any) -> None:
    flow = zcasync.serial(*(call(calls, number) for number in range(4)))
    calls["bad"] = frozenset([0])
    session.queue.put(flow)
    session.commit()
    members = list(flow.members)
    run_inline(members[0])
    run_inline(flow)
    run_inline(members[1])
    assert (members[1].has_result, members[2].state) == (True, PENDING)
    with pytest.raises(BadStateError, match=f"its member {members[2]!r} has yet to end, behind"):
        flow.retry()
    session.abort()
    drain(session.manager)
    calls["bad"] = frozenset()
    run_again(session, flow)
    assert flow.result == [0, 1, 2, 3]


def test_a_walk_that_has_failed_goes_on(session: Session, calls: Any) -> None:
    keys = session.keep(OOBTree({n: n for n in range(60)}))
    flow = zcasync.map(Partial(flows.note_or_fail, calls), keys, chunk=1)
    put_failing(session, calls, flow, 3)
    run_again(session, flow)
    assert flow.result == 60
    assert {calls[number] for number in range(60)} == {1}
    assert flow.progress == (60, 60, 0)


def test_a_flow_that_was_cancelled_goes_on(session: Session, calls: Any) -> None:
    flow = session.queue.put(zcasync.serial(*(call(calls, number) for number in range(3))))
    session.commit()
    run_inline(next(flow.members))
    cancel(flow, "jane", [])
    session.commit()
    drain(session.manager)
    run_again(session, flow)
    assert flow.result == [0, 1, 2]
    assert {calls[number] for number in range(3)} == {1}


def test_where_failures_are_collected_only_the_postprocess_is_repeated(
    session: Session, calls: Any
) -> None:
    flow = zcasync.parallel(
        call(calls, 0), call(calls, 1), postprocess=call(calls, "last"), on_failure="collect"
    )
    put_failing(session, calls, flow, 1, "last")
    run_again(session, flow)
    assert flow.result == "last"
    assert (calls[0], 1 in calls, flow.progress) == (1, False, (2, 2, 1))


def test_what_begins_after_others_waits_for_them_again(session: Session, calls: Any) -> None:
    calls["bad"] = frozenset([1])
    first = session.queue.put(call(calls, 1))
    last = session.queue.put(call(calls, 2), after=[first])
    session.commit()
    drain(session.manager)
    calls["bad"] = frozenset()
    run_again(session, last, first)
    assert (first.result, last.result) == (1, 2)
