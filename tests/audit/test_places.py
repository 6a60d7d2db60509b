"""Jobs in no place and in two: each is found, repaired, found no more, and its job runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.scenes import claim, end, put, serve
from tests.support.sessions import TWO, FakeClock, Session
from zcasync import Partial
from zcasync.audit.finding import Finding, Kind
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.completion import end as end_partial
from zcasync.testing.inline import drain

Mend = Callable[[Kind, object], Finding]
Find = Callable[[], list[Finding]]


def drop_lanes(session: Session) -> None:
    """Lose all lanes but the first, as a lane that is dropped while something is filed in it."""
    for key in list(session.queue.lanes())[1:]:
        del session.queue._lanes[key]


def runs(session: Session, partial: Partial) -> None:
    """The job runs, once."""
    session.sync()
    assert partial.state == PENDING
    assert drain(session.manager) == [partial]
    assert partial.state == COMPLETED


def test_a_job_whose_lane_was_dropped_waits_again(session: Session, mend: Mend) -> None:
    [lost] = put(session)
    due = lost.due
    drop_lanes(session)
    found = mend(Kind.LOST, lost)
    assert "abs" in found.problem
    assert lost.due == due
    assert len(session.queue) == 1
    runs(session, lost)


def test_a_job_that_was_never_put_or_was_taken_out_is_its_applications_own(
    session: Session, find: Find
) -> None:
    session.keep(Partial(abs, -1), "never put")
    [pulled, _] = put(session, 2)
    session.keep(session.queue.withdraw(pulled))
    called = session.keep(Partial(abs, -1), "called")
    called.addCallback(abs)
    called()
    assert find() == []


def test_an_active_job_that_no_worker_has_waits_again_and_loses_no_attempt(
    session: Session, mend: Mend
) -> None:
    worker, partials = serve(session), put(session, 2)
    claim(session, worker, partials)
    worker.thread.lists()[0].keep(partials[1:])
    mend(Kind.LOST, partials[0])
    assert partials[0].interruptions == 0
    assert list(worker.thread) == partials[1:]
    runs(session, partials[0])


def test_a_job_that_may_begin_only_once_ends_and_its_callbacks_run(
    session: Session, mend: Mend, fake_clock: FakeClock
) -> None:
    worker = serve(session)
    partial = session.queue.put(Partial(abs, -1), retry="never")
    partial.addCallback(abs)
    session.commit()
    claim(session, worker, [partial])
    partial.begin_once()
    worker.thread.lists()[0].keep([])
    mend(Kind.LOST, partial)
    assert partial.has_result
    fake_clock.advance(seconds=16)
    assert session.claim() == [partial]


@pytest.mark.parametrize("is_resumed", [False, True])
def test_callbacks_that_nobody_runs_are_run(
    session: Session, mend: Mend, fake_clock: FakeClock, is_resumed: bool
) -> None:
    worker, [partial] = serve(session), put(session)
    partial.addCallback(abs)
    session.commit()
    if is_resumed:  # its application made it fail, and its entry got lost
        end_partial(partial, 1, follows_up=True)
        session.commit()
        for lane in session.queue.lanes().values():
            for tree in (lane.filed or {}).values():
                lane.gone -= len(tree)
                lane.gone_held.clear()
            lane.filed = lane.filed_count = None
    else:
        claim(session, worker, [partial])
        end(partial, 1)
        worker.thread.lists()[0].keep([])
    mend(Kind.LOST, partial)
    fake_clock.advance(seconds=16)
    assert session.claim() == [partial]


def test_a_job_that_waits_and_is_claimed_waits(session: Session, mend: Mend) -> None:
    worker, [partial] = serve(session), put(session)
    worker.thread.lists(1)[0].items += (partial,)
    mend(Kind.TWICE, partial)
    assert list(worker.thread) == []
    runs(session, partial)


def test_a_job_that_is_pending_and_only_claimed_waits(session: Session, mend: Mend) -> None:
    worker, [partial] = serve(session), put(session)
    drop_lanes(session)
    worker.thread.lists(1)[0].items += (partial,)
    mend(Kind.MISPLACED, partial)
    assert list(worker.thread) == []
    runs(session, partial)


@pytest.mark.parametrize("slots", [(0, 0), (0, 1)])
def test_a_job_that_is_claimed_twice_stays_in_its_first_place(
    session: Session, mend: Mend, slots: tuple[int, int]
) -> None:
    worker, partials = serve(session), put(session, 3)
    claim(session, worker, partials)
    worker.thread.lists(2)[slots[1]].items += (partials[1],)
    mend(Kind.TWICE, partials[1])
    assert worker.thread.lists()[0].items == tuple(partials)
    assert worker.thread.lists()[1].items == ()


def test_a_job_that_two_workers_have_stays_with_the_one_that_may_run_it(
    session: Session, mend: Mend
) -> None:
    worker, other, [partial] = serve(session), serve(session, TWO), put(session)
    claim(session, worker, [partial])
    other.thread.lists(1)[0].items += (partial,)
    mend(Kind.TWICE, partial)
    assert (list(worker.thread), list(other.thread)) == ([partial], [])


def test_a_job_whose_worker_may_not_run_it_waits_again(session: Session, mend: Mend) -> None:
    worker, other, [partial] = serve(session), serve(session, TWO), put(session)
    claim(session, worker, [partial])
    partial.reassign(other.incarnation)
    mend(Kind.MISPLACED, partial)
    assert list(worker.thread) == []
    runs(session, partial)


def test_leftovers_of_an_engine_that_has_ended_are_in_their_place(
    session: Session, find: Find
) -> None:
    worker, partials = serve(session), put(session, 2)
    claim(session, worker, partials)
    worker.incarnation.end("test")
    assert find() == []
    worker.engineUUID = None
    assert find() == []


def test_the_claim_of_an_earlier_engine_that_an_undo_has_brought_back_is_in_its_place(
    session: Session, find: Find
) -> None:
    """The engine of its worker recovers it in its next pass."""
    worker, other, [partial] = serve(session), serve(session, TWO), put(session)
    claim(session, worker, [partial])
    partial.reassign(other.incarnation)
    assert find() != []
    other.incarnation.end("test")
    assert find() == []


def test_a_completed_job_is_retired_once(session: Session, mend: Mend) -> None:
    worker, [partial] = serve(session), put(session)
    claim(session, worker, [partial])
    end(partial, 1)
    worker.completed.add(partial)
    mend(Kind.TWICE, partial)
    assert (list(worker.thread), list(worker.completed)) == ([], [partial])


def test_a_job_is_once_among_the_completed(session: Session, mend: Mend) -> None:
    worker, partials = serve(session), put(session, 40)
    for partial in session.claim():
        end(partial, 1)
    worker.completed.extend([*partials, partials[3]])
    mend(Kind.TWICE, partials[3])
    assert len(worker.completed) == 40


def test_a_job_in_no_queue_is_in_no_claim_list(session: Session, mend: Mend) -> None:
    worker = serve(session)
    partial = session.keep(Partial(abs, -1))
    worker.thread.lists(1)[0].items += (partial,)
    mend(Kind.MISPLACED, partial)
    assert list(worker.thread) == []


def test_jobs_of_every_state_are_in_their_places(session: Session, find: Find) -> None:
    worker = serve(session)
    session.queue.put_many([abs] * 30, begin_by=timedelta(hours=1))
    session.manager.reactor.put(Partial(abs, -1)).addCallback(abs)
    session.commit()
    some = session.claim(5)
    for partial in some:
        partial.assign(worker.incarnation)
    worker.thread.lists(2)[1].items += tuple(some)
    session.commit()
    assert find() == []
    session.queue.release(some[0], delay=10**9)
    worker.thread.lists()[1].keep(some[1:])
    some[2].wait_for(some[1])
    some[3].wait_for(some[2])
    worker.thread.lists()[1].keep([some[1], some[4]])
    session.commit()
    assert find() == []
    end(some[1], 1)
    next(iter(session.queue)).selectedUUIDs.add(TWO)  # has two entries from then on
    waiting: Any = next(iter(session.manager.reactor))
    waiting.fail()
    assert find() == []
