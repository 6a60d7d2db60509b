"""Puts with ``after``: what begins when others have ended, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from persistent.list import PersistentList
from twisted.python.failure import Failure
from ZODB.POSException import ConflictError

import zcasync
from tests.jobs import flows, samples
from tests.support.sessions import ONE, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.audit.repair import repair
from zcasync.control.again import retry
from zcasync.errors import AbortedError, BadStateError, JobCancelled, MisplacedError
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.liveness.interruption import cancel
from zcasync.reports.listing import listing
from zcasync.reports.reasons import Reasons
from zcasync.reports.selection import Selection
from zcasync.testing import drain
from zcasync.testing.inline import run_inline


def put(session: Session, call: Any, *args: Any, **options: Any) -> Any:
    partial = session.queue.put(Partial(call, *args), **options)
    session.commit()
    return partial


def listed(session: Session, **conditions: Any) -> list[Any]:
    return listing(session.manager, Selection(**conditions), 100, lambda one: one)


def clean(session: Session) -> None:
    assert [str(one) for one in inspect(session.connection, session.manager).findings] == []


def test_it_begins_when_all_have_ended(session: Session) -> None:
    first, second = put(session, samples.echo, 1), put(session, samples.echo, 2)
    last = put(session, samples.make_seven, after=[first, second])
    assert len(session.queue) == 2
    clean(session)
    run_inline(first)
    session.commit()
    assert last.is_held
    run_inline(second)
    session.commit()
    assert list(session.queue) == [last]
    clean(session)
    drain(session.manager)
    assert last.result == 7


def test_a_graph_is_called_in_its_order(session: Session) -> None:
    log = session.keep(PersistentList(), "log")
    a = put(session, flows.note, log, "a")
    b = put(session, flows.note, log, "b", after=[a])
    c = put(session, flows.note, log, "c", after=[a])
    put(session, flows.note, log, "d", after=[b, c])
    put(session, flows.note, log, "e")
    drain(session.manager)
    order = list(log)
    assert sorted(order) == list("abcde")
    assert order.index("a") < min(order.index("b"), order.index("c"))
    assert order.index("d") > max(order.index("b"), order.index("c"))


def test_what_has_ended_is_not_waited_for(session: Session) -> None:
    first = put(session, samples.echo, 1)
    drain(session.manager)
    last = put(session, samples.make_seven, after=[first])
    assert list(session.queue) == [last]
    drain(session.manager)
    assert last.result == 7


@pytest.mark.parametrize("is_over", [False, True])
def test_a_failure_before_it_ends_it(session: Session, is_over: bool) -> None:
    first = put(session, flows.fail, None, "wrong")
    if is_over:
        drain(session.manager)
    last = put(session, samples.make_seven, after=[first])
    third = put(session, samples.make_seven, after=[last])
    drain(session.manager)
    assert isinstance(last.result, Failure)
    assert last.result.check(AbortedError)
    assert f"it was to begin after job {first.id} (" in last.result.getErrorMessage()
    assert f"it was to begin after job {last.id} (" in third.result.getErrorMessage()


def test_collect_begins_whatever_has_failed(session: Session) -> None:
    first = put(session, flows.fail, None, "wrong")
    last = put(session, samples.make_seven, after=[first], on_failure="collect")
    drain(session.manager)
    assert last.result == 7


def test_its_deadline_counts_from_where_it_could_begin(
    session: Session, fake_clock: FakeClock
) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first], begin_by=timedelta(minutes=1))
    fake_clock.advance(hours=1)
    drain(session.manager)
    assert last.result == 7


def test_a_later_time_holds_too(session: Session, fake_clock: FakeClock) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first], delay=60)
    drain(session.manager)
    assert last.state == PENDING
    fake_clock.advance(seconds=61)
    drain(session.manager)
    assert last.result == 7


def test_it_is_listed_with_the_reason(session: Session) -> None:
    first, second = put(session, samples.echo, 1), put(session, samples.echo, 2)
    last = put(session, samples.make_seven, after=[first, second])
    further = put(session, samples.make_seven, after=[last])
    assert set(listed(session)) == {first, second, last, further}
    assert set(listed(session, state=PENDING)) == {first, second, last, further}
    reasons = Reasons(session.manager, lambda worker: True)
    assert reasons.reason(last) == f"begins after job {first.id} and 1 more"
    assert reasons.reason(further) == f"begins after job {last.id}"
    flow = session.queue.put(zcasync.serial(samples.nothing, samples.nothing, samples.nothing))
    session.commit()
    assert {flow, *flow.members} <= set(listed(session))
    assert reasons.reason(flow) == "its members have to end first: 0 of 3 have"
    assert (
        reasons.reason(list(flow.members)[1]) == f"begins after those before it in flow {flow.id}"
    )


def test_it_can_be_cancelled_while_it_waits(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    cancel(last, "somebody", [])
    session.commit()
    assert last.state == COMPLETED
    assert len(session.queue) == 1
    clean(session)
    drain(session.manager)
    assert last.result.check(JobCancelled)
    clean(session)


def test_what_was_cancelled_and_is_retried_waits_again(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    cancel(last, "somebody", [])
    session.commit()
    retry(session.connection, session.manager, [("", last._p_oid)], "jane")
    session.commit()
    assert list(session.queue) == [first]
    drain(session.manager)
    assert last.result == 7


def test_a_failure_that_is_run_again_lets_it_be_run_again(session: Session) -> None:
    box = session.keep(PersistentList(), "box")
    first = put(session, flows.fail_unless, box)
    last = put(session, samples.make_seven, after=[first])
    drain(session.manager)
    assert isinstance(last.result, Failure)
    box.append("now")
    session.commit()
    retry(session.connection, session.manager, [("", first._p_oid)], "jane")
    drain(session.manager)
    retry(session.connection, session.manager, [("", last._p_oid)], "jane")
    drain(session.manager)
    assert last.result == 7


def test_what_would_wait_for_ever_is_refused(session: Session) -> None:
    own, loose = Partial(samples.nothing), Partial(samples.nothing)
    with pytest.raises(BadStateError, match="after itself"):
        session.queue.put(own, after=[own])
    with pytest.raises(BadStateError, match="in no queue"):
        session.queue.put(own, after=[loose])
    behind = own.addCallback(samples.echo)
    with pytest.raises(BadStateError, match="which itself waits"):
        session.queue.put(own, after=[behind])
    assert own.queue is None


def test_a_job_cannot_wait_for_what_begins_after_it(session: Session) -> None:
    root = session.root
    first = session.queue.put(Partial(flows.return_kept, root, "last"))
    root["last"] = session.queue.put(samples.nothing, after=[first])
    flow = zcasync.parallel(Partial(flows.return_kept, root, "flow"))
    root["flow"] = session.queue.put(flow)
    drain(session.manager)
    assert first.result.check(BadStateError)
    assert "begins after it" in first.result.getErrorMessage()
    assert next(flow.members).result.check(BadStateError)


@pytest.mark.parametrize(
    ("after", "error", "text"),
    [
        ("x", TypeError, "name partials"),
        (7, TypeError, "a list of partials"),
        ([samples.nothing], TypeError, "name partials"),
    ],
)
def test_what_is_no_partial_is_refused(
    session: Session, after: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        session.queue.put(samples.nothing, after=after)


def test_wrong_answers_are_refused(session: Session) -> None:
    first = put(session, samples.echo, 1)
    with pytest.raises(TypeError, match=r"after=\[partial\]"):
        session.queue.put(samples.nothing, after=first)
    with pytest.raises(ValueError, match="twice"):
        session.queue.put(samples.nothing, after=[first, first])
    with pytest.raises(ValueError, match="fail_fast, collect"):
        session.queue.put(samples.nothing, after=[first], on_failure="stop")


def test_only_a_put_says_after(session: Session) -> None:
    with pytest.raises(TypeError, match="by a put itself"):
        session.queue.set_defaults(after=[])
    with pytest.raises(ValueError, match="give both"):
        session.queue.put(samples.nothing, on_failure="collect")


def test_a_partial_of_another_connection_is_refused(session: Session, connect: Connect) -> None:
    first = put(session, samples.echo, 1)
    other = connect()
    with pytest.raises(MisplacedError, match="another connection"):
        other.queue.put(samples.nothing, after=[first])


def test_an_end_at_the_same_time_is_not_missed(session: Session, connect: Connect) -> None:
    first = put(session, samples.echo, 1)
    other = connect()
    last = other.queue.put(Partial(samples.make_seven), after=[other.same(first)])
    run_inline(first)
    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    last = other.queue.put(Partial(samples.make_seven), after=[other.same(first)])
    other.commit()
    drain(other.manager)
    assert last.result == 7


def test_what_others_begin_after_is_not_discarded(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    with pytest.raises(BadStateError, match="begins after"):
        session.queue.discard([first])
    session.queue.discard([last])
    session.queue.discard([first])
    flow = session.queue.put(zcasync.serial(samples.nothing, samples.nothing))
    session.commit()
    for one in (flow, *flow.members):
        with pytest.raises(BadStateError, match="cancel"):
            session.queue.discard([one])
    cancel(flow, "somebody", [])
    drain(session.manager)
    session.commit()
    assert len(session.queue) == 0
    clean(session)


def test_a_selection_of_workers_can_change_while_it_waits(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    last.excludedUUIDs.add(ONE)
    session.commit()
    assert list(session.queue) == [first]
    clean(session)


def test_what_lost_its_way_is_found(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    last.after_gate.is_open = True
    session.commit()
    [finding] = inspect(session.connection, session.manager).findings
    assert (finding.oid, finding.kind) == (last._p_oid, "lost")
    repair(session.connection, session.manager, finding)
    session.commit()
    clean(session)
    drain(session.manager)
    assert last.result == 7


def test_an_end_that_was_not_counted_is_found(session: Session) -> None:
    first = put(session, samples.echo, 1)
    last = put(session, samples.make_seven, after=[first])
    [counting] = first.callbacks
    counting.finish(None)
    session.commit()
    drain(session.manager)
    assert last.is_held
    [finding] = inspect(session.connection, session.manager).findings
    assert (finding.oid, finding.kind) == (last._p_oid, "lost")
