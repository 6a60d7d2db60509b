"""Flows: the order of members, what is made of them, failures, growth and nesting."""

from __future__ import annotations

from typing import Any

import pytest
from persistent.list import PersistentList
from twisted.python.failure import Failure

import zcasync
from tests.jobs import flows, samples
from tests.support.sessions import Connect, Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.errors import AbortedError, BadStateError, JobCancelled, MisplacedError
from zcasync.job.placement import require_placed
from zcasync.liveness.interruption import cancel
from zcasync.testing import drain
from zcasync.testing.inline import run_inline


@pytest.fixture
def log(session: Session) -> Any:
    return session.keep(PersistentList(), "log")


def notes(log: Any, *values: Any) -> list[Partial]:
    return [Partial(flows.note, log, value) for value in values]


def put(session: Session, flow: Any, **options: Any) -> Any:
    session.queue.put(flow, **options)
    session.commit()
    return flow


def test_serial_members_begin_one_after_the_other(session: Session, log: Any) -> None:
    flow = put(session, zcasync.serial(*notes(log, 1, 2, 3), postprocess=flows.total))
    assert len(session.queue) == 1
    drain(session.manager)
    assert list(log) == [1, 2, 3]
    assert flow.result == 6
    assert flow.progress == (3, 3, 0)


def test_parallel_members_begin_at_once(session: Session, log: Any) -> None:
    flow = put(session, zcasync.parallel(*notes(log, *range(40))))
    assert len(session.queue) == 40
    drain(session.manager)
    assert sorted(log) == list(range(40))
    assert flow.result == list(range(40))


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
@pytest.mark.parametrize("count", [0, 1, 16, 17, 100])
def test_each_number_of_members(session: Session, log: Any, make: Any, count: int) -> None:
    flow = put(session, make(*notes(log, *range(count))))
    drain(session.manager)
    assert flow.result == list(range(count))
    assert flow.progress == (count, count, 0)


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_fail_fast_names_the_failed_member_by_path(session: Session, log: Any, make: Any) -> None:
    members = [*notes(log, 1), Partial(flows.fail, log, 2), *notes(log, 3)]
    flow = put(session, make(*members, postprocess=flows.total))
    drain(session.manager)
    assert list(log) == [1]
    assert isinstance(flow.result, Failure)
    flow.result.trap(AbortedError)
    assert flow.result.getErrorMessage() == f"flow {flow.id} / 2 / fail failed: 2 is wrong"
    assert members[2].result.check(AbortedError)


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_collect_hands_failures_on(session: Session, log: Any, make: Any) -> None:
    members = [*notes(log, 1), Partial(flows.fail, log, 2), *notes(log, 3)]
    flow = make(*members, postprocess=flows.outcomes, on_failure="collect")
    put(session, flow)
    drain(session.manager)
    assert list(log) == [1, 3]
    assert flow.result == ["1", "failed", "3"]
    assert flow.progress == (3, 3, 1)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_a_member_adds_members(session: Session, log: Any, count: int) -> None:
    flow = zcasync.parallel(Partial(flows.add_more, log, count), *notes(log, "a"))
    put(session, flow)
    drain(session.manager)
    assert len(log) == count + 2
    assert flow.progress == (count + 2, count + 2, 0)
    assert sorted(map(str, flow.result)) == sorted(["added", "a", *map(str, range(count))])


def test_a_member_adds_members_to_a_serial_flow(session: Session, log: Any) -> None:
    flow = zcasync.serial(Partial(flows.add_more, log, 3), *notes(log, "a"))
    put(session, flow)
    drain(session.manager)
    assert list(log) == ["adder", "a", 0, 1, 2]


def test_a_client_adds_members(session: Session, log: Any) -> None:
    flow = put(session, zcasync.parallel(*notes(log, *range(20))))
    flow.add(*notes(log, *range(20, 30)))
    session.commit()
    drain(session.manager)
    assert flow.result == list(range(30))
    with pytest.raises(BadStateError, match="no more members"):
        flow.add(samples.nothing)


def test_flows_are_members_of_flows(session: Session, log: Any) -> None:
    inner = zcasync.parallel(*notes(log, 1, 2), postprocess=flows.total)
    last = zcasync.serial(*notes(log, 4, 5), postprocess=flows.total)
    flow = zcasync.serial(*notes(log, 0), inner, *notes(log, 3), last)
    put(session, flow)
    assert len(session.queue) == 1
    drain(session.manager)
    assert list(log) == [0, 1, 2, 3, 4, 5]
    assert flow.result == [0, 3, 3, 9]


def test_the_path_of_a_failure_leads_through_flows(session: Session, log: Any) -> None:
    inner = zcasync.parallel(*notes(log, 1), Partial(flows.fail, log, 2))
    flow = put(session, zcasync.serial(*notes(log, 0), inner, *notes(log, 3)))
    drain(session.manager)
    path = f"flow {flow.id} / 2 / flow {inner.id} / 2 / fail failed: 2 is wrong"
    assert flow.result.getErrorMessage() == path
    assert list(log) == [0, 1]


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_a_cancelled_flow_has_its_members_end_as_cancelled(
    session: Session, log: Any, make: Any
) -> None:
    inner = zcasync.parallel(*notes(log, 2, 3))
    flow = put(session, make(*notes(log, 1), inner, *notes(log, 4)))
    cancel(flow, "somebody", [])
    session.commit()
    drain(session.manager)
    assert list(log) == []
    ended = [flow, *flow.members, *inner.members]
    assert [one.result.type for one in ended] == [JobCancelled] * 6
    assert flow.progress == (3, 3, 3)


def test_a_member_that_is_cancelled_fails_its_flow(session: Session, log: Any) -> None:
    members = notes(log, 1, 2, 3)
    flow = put(session, zcasync.serial(*members))
    cancel(members[1], "somebody", [])
    members[1].resumeCallbacks()
    drain(session.manager)
    assert list(log) == []  # it has failed before any other one began
    assert "/ 2 / note failed: cancelled by somebody" in flow.result.getErrorMessage()


def test_a_flow_begins_after_others(session: Session, log: Any) -> None:
    first = session.queue.put(Partial(flows.note, log, 0))
    flow = put(session, zcasync.parallel(*notes(log, 1, 2), postprocess=flows.total), after=[first])
    last = put(session, Partial(flows.note, log, 3), after=[flow])
    assert list(session.queue) == [first]
    drain(session.manager)
    assert list(log) == [0, 1, 2, 3]
    assert (flow.result, last.result) == (3, 3)


def test_a_flow_whose_predecessor_fails_calls_none_of_its_members(
    session: Session, log: Any
) -> None:
    first = session.queue.put(Partial(flows.fail, log, 0))
    flow = put(session, zcasync.parallel(*notes(log, 1, 2)), after=[first])
    drain(session.manager)
    assert list(log) == []
    assert {one.result.type for one in (flow, *flow.members)} == {AbortedError}
    assert f"job {first.id}" in flow.result.getErrorMessage()


def test_a_flow_is_not_called_and_its_members_are_its_own(session: Session, log: Any) -> None:
    member = Partial(flows.note, log, 1)
    flow = zcasync.parallel(member)
    assert member.flow is flow
    with pytest.raises(BadStateError, match="put it in a queue"):
        flow()
    with pytest.raises(ValueError, match="member of a flow already"):
        zcasync.parallel(member)
    with pytest.raises(ValueError, match="there twice"):
        zcasync.parallel(*[Partial(samples.nothing)] * 2)
    with pytest.raises(ValueError, match="was put already"):
        zcasync.parallel(session.queue.put(samples.nothing))
    with pytest.raises(ValueError, match="fail_fast, collect"):
        zcasync.serial(on_failure="stop")


def test_a_flow_and_a_key_are_refused_together(session: Session) -> None:
    with pytest.raises(ValueError, match="unique"):
        session.queue.put(zcasync.parallel(samples.nothing), unique="key")
    first = session.queue.put(samples.nothing)
    with pytest.raises(ValueError, match="unique"):
        session.queue.put(samples.nothing, unique="key", after=[first])


def test_each_end_loads_and_writes_the_same_however_many_members_there_are(
    session: Session, log: Any
) -> None:
    def largest_end(count: int) -> int:
        flow = put(session, zcasync.parallel(*[samples.nothing] * count))
        most = 0
        for member in list(flow.members)[:20]:
            session.connection.cacheMinimize()
            run_inline(member)
            session.commit()
            most = max(most, session.connection._cache.cache_non_ghost_count)
            session.sync()
        return most

    assert largest_end(3000) <= largest_end(100) + 3


def test_the_audit_finds_nothing_at_any_moment_of_a_flow(session: Session, log: Any) -> None:
    inner = zcasync.parallel(*notes(log, 2, 3))
    put(session, zcasync.serial(*notes(log, 1), inner, *notes(log, 4)))
    while len(session.queue):
        found = inspect(session.connection, session.manager).findings
        assert [str(one) for one in found] == []
        run_inline(next(iter(session.queue)))
        session.commit()
    assert list(log) == [1, 2, 3, 4]


def test_what_is_added_has_the_options_of_the_flow(session: Session) -> None:
    for name in ("solr", "smtp"):
        session.manager.quotas.set(name, limit=2)
    flow = session.queue.put(
        zcasync.parallel(Partial(samples.echo, 1)), priority=7, quota=("solr", "smtp"), retry=2
    )
    session.commit()
    session.manager.quotas.remove("smtp")
    [first] = flow.add(Partial(samples.echo, 2))
    [second] = flow.add(Partial(samples.echo, 3), priority=-1, quota=(), retry=None)
    session.commit()
    found = [(one.priority, one.quotas, one.retry_policy) for one in (first, second)]
    assert found == [(7, ("solr",), "exceptions(limit=3)"), (-1, (), "exceptions(limit=3)")]


@pytest.mark.parametrize("make", [zcasync.serial, zcasync.parallel])
def test_a_put_checks_each_member_once(session: Session, make: Any) -> None:
    flow = make(*(Partial(samples.echo, number) for number in range(50)))
    for member in flow.members:
        found = [one for one, _ in require_placed(member, session.connection)]
        assert found == [member, *member.callbacks]


def test_the_last_member_is_checked_as_the_first(session: Session, connect: Connect) -> None:
    other = connect().keep(PersistentList(), "other")
    flow = zcasync.serial(samples.nothing, samples.nothing, Partial(samples.echo, other))
    with pytest.raises(MisplacedError, match="another connection"):
        session.queue.put(flow)


def test_what_is_added_may_be_isolated_in_a_queue_of_batches(session: Session) -> None:
    session.queue.batch = True
    flow = session.queue.put(zcasync.parallel(Partial(samples.echo, 1)))
    plain = session.queue.put(zcasync.parallel(Partial(samples.echo, 1)), batch=False)
    session.commit()
    added = flow.add(Partial(samples.echo, 2)) + flow.add(Partial(samples.echo, 3), isolate=True)
    added += plain.add(Partial(samples.echo, 4))
    assert [(one.is_batch, one.is_isolated) for one in added] == [
        (True, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize("flow", [zcasync.serial, zcasync.parallel])
def test_a_flow_is_not_detached_but_its_members_may_be(session: Session, flow: Any) -> None:
    with pytest.raises(ValueError, match="detached and a flow exclude each other"):
        session.queue.put(flow(samples.nothing), detached=True)
    made = session.queue.put(flow(Partial(flows.far), Partial(flows.far)))
    assert [one.is_detached for one in made.members] == [True, True]
