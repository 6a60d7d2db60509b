"""Jobs that wait for each other: those that will never have a result are found."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise

from tests.support.scenes import claim, put, serve
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.audit.finding import Finding, Kind
from zcasync.audit.inspection import inspect
from zcasync.interfaces import COMPLETED
from zcasync.job.callbacks import adopt
from zcasync.job.completion import end

Mend = Callable[[Kind, object], Finding]
Find = Callable[[], list[Finding]]


def waiting_jobs(session: Session, count: int) -> list[Partial]:
    """Jobs of which each waits for the next one; the last one is claimed."""
    worker, partials = serve(session), put(session, count)
    claim(session, worker, partials)
    for partial, other in pairwise(partials):
        partial.wait_for(other)
    worker.thread.lists()[0].keep(partials[-1:])
    session.commit()
    return partials


def test_jobs_that_wait_for_each_other_are_in_their_place(session: Session, find: Find) -> None:
    partials = waiting_jobs(session, 3)
    assert find() == []
    # The worker that has the last one runs the callbacks of the others.
    last = partials[-1]
    end(last, 1, follows_up=True)
    adopt(partials[1], 1)
    assert partials[1].state == "callbacks"
    assert find() == []


def test_callbacks_of_a_job_that_waited_for_one_that_nobody_has_are_lost(
    session: Session, find: Find
) -> None:
    waiting, last = waiting_jobs(session, 2)
    waiting.addCallback(abs)
    end(last, 1, follows_up=True)
    adopt(waiting, 1)
    worker = next(iter(session.manager.workers.values()))
    worker.thread.lists()[0].keep([])
    assert {(one.kind, one.oid) for one in find()} == {
        (Kind.LOST, waiting._p_oid),
        (Kind.LOST, last._p_oid),
    }


def test_a_job_that_waits_for_one_that_is_over_gets_its_result(
    session: Session, mend: Mend, fake_clock: FakeClock
) -> None:
    waiting, last = waiting_jobs(session, 2)
    waiting.addCallback(abs)
    last._sidecar.callbacks = ()
    last.finish(7)
    worker = next(iter(session.manager.workers.values()))
    worker.thread.lists()[0].keep([])
    assert last.state == COMPLETED
    mend(Kind.STUCK, waiting)
    assert waiting.result == 7
    fake_clock.advance(seconds=16)
    assert session.claim() == [waiting]


def test_a_job_whose_wait_the_other_one_does_not_know_is_told(session: Session, mend: Mend) -> None:
    waiting, last = waiting_jobs(session, 2)
    last._sidecar.callbacks = ()
    mend(Kind.STUCK, waiting)
    [callback] = last.callbacks
    assert callback.args == [waiting, last]


def test_a_ring_is_found_and_the_way_into_it_is_not_called_one(
    session: Session, find: Find
) -> None:
    partials = waiting_jobs(session, 5)
    partials[-1].wait_for(partials[2])
    found = find()
    assert {one.oid for one in found} == {one._p_oid for one in partials[2:]}
    assert {one.kind for one in found} == {Kind.STUCK}
    assert all("for itself" in one.problem and one.remedy is None for one in found)
    assert "zcasync cancel" in (found[0].advice or "")


def test_a_long_chain_costs_no_more_for_each_link_than_a_short_one(
    session: Session, find: Find
) -> None:
    partials = waiting_jobs(session, 900)
    began = time.process_time()
    assert find() == []
    claimed = time.process_time() - began
    for partial in reversed(partials):
        partial._waits_for = None
        partial._state = "callbacks"
    session.commit()
    began = time.process_time()
    assert inspect(session.connection, session.manager).findings == []
    assert time.process_time() - began < 20 * max(claimed, 0.1)
