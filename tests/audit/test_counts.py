"""Counts that are not those of what is there: found, set right, found no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.scenes import end, put, serve
from tests.support.sessions import TWO, FakeClock, Session
from zcasync import Partial, clock
from zcasync.audit.finding import Finding, Kind
from zcasync.audit.inspection import inspect
from zcasync.audit.repair import repair
from zcasync.queues.client_lane import FIRST

Mend = Callable[[Kind, object], Finding]
Find = Callable[[], list[Finding]]


def repair_all(session: Session, found: list[Finding]) -> None:
    """Repair all that was found, as an operator's process does: with a lane of its own."""
    other = Session(session.connection.db())
    for one in found:
        other.sync()
        assert repair(other.connection, other.manager, one), one
        other.commit()
    other.close()
    session.sync()


@pytest.mark.parametrize("error", [2, -3])
def test_a_queue_that_counts_its_jobs_wrong(session: Session, mend: Mend, error: int) -> None:
    put(session, 4)
    session.queue.lane(FIRST).gone += error
    found = mend(Kind.COUNT, session.queue)
    assert f"counts {4 - error}, but 4 wait" in found.problem
    assert len(session.queue) == 4


def test_a_lane_that_counts_what_is_filed_wrong(
    session: Session, mend: Mend, fake_clock: FakeClock
) -> None:
    session.queue.put_many([Partial(abs) for _ in range(3)], fake_clock.later(hours=1))
    session.commit()
    assert session.claim() == []
    [lane] = [one for one in session.queue.lanes().values() if one.filed]
    lane.filed_count += 2
    found = mend(Kind.COUNT, session.queue)
    assert "counts 5, but 3 wait" in found.problem
    assert len(session.queue) == 3


def test_a_count_is_set_right_while_others_put_and_end_jobs(session: Session) -> None:
    put(session, 4)
    session.queue.lane(FIRST).gone += 2
    session.commit()
    session.sync()
    [found] = inspect(session.connection, session.manager).findings
    other = Session(session.connection.db())
    put(other, 3)
    next(iter(other.queue)).fail()
    other.close()
    session.sync()
    assert repair(session.connection, session.manager, found)
    session.commit()
    session.sync()
    assert len(session.queue) == len(list(session.queue)) == 6
    assert inspect(session.connection, session.manager).findings == []


def test_a_queue_that_counts_its_held_jobs_wrong(session: Session, mend: Mend) -> None:
    later = clock.to_datetime(clock.now()) + timedelta(hours=1)
    partial = session.queue.put(abs, begin_after=later)
    session.commit()
    lane = session.queue.lane(FIRST)
    lane.count_gone(partial.due, clock.now())
    lane.gone -= 1
    assert session.queue.count_held() == 0
    mend(Kind.COUNT, session.queue)
    assert session.queue.count_held() == 1


def test_held_jobs_that_end_are_counted_right(session: Session, find: Find) -> None:
    later = clock.to_datetime(clock.now()) + timedelta(hours=1)
    partials = [session.queue.put(abs, begin_after=later) for _ in range(3)]
    partials[0].fail()
    session.queue.withdraw(partials[1])
    assert find() == []
    assert session.claim() == []
    assert find() == []


def test_pages_that_are_numbered_wrong(session: Session, mend: Mend) -> None:
    for _ in range(3):
        put(session, 10)
    lane = next(lane for key, lane in session.queue.lanes().items() if key != FIRST)
    lane.page.next.start += 5
    lane.page.next.next.start += 5
    mend(Kind.COUNT, lane)
    assert len(session.queue) == 30


def test_a_lane_that_does_not_lead_to_its_clients_page_ends_and_its_jobs_wait_again(
    session: Session, find: Find
) -> None:
    partials = [partial for _ in range(3) for partial in put(session, 10)]
    lane = next(lane for key, lane in session.queue.lanes().items() if key != FIRST)
    lane.page.next = None
    found = find()
    lost = [one.oid for one in found if one.kind == Kind.LOST]
    assert sorted(lost) == [partial._p_oid for partial in partials[10:]]
    assert [(one.kind, one.oid) for one in found[20:]] == [(Kind.MISSING, lane._p_oid)]
    repair_all(session, found)
    assert find() == []
    more = put(session, 2)
    assert find() == []
    assert set(session.queue) == {*partials, *more}


def test_a_deadline_that_is_not_noted(session: Session, mend: Mend) -> None:
    partial = session.queue.put(abs, begin_by=timedelta(hours=1))
    partial.selectedUUIDs.add(TWO)
    session.commit()
    assert session.claim() == []  # filed for the other worker
    session.commit()
    [lane] = [lane for lane in session.queue.lanes().values() if lane.deadlines]
    noted = list(lane.deadlines)
    lane.deadlines.clear()
    mend(Kind.COUNT, partial)
    assert list(lane.deadlines) == noted


def test_a_deadline_that_one_of_two_entries_has_noted_is_enough(
    session: Session, fake_clock: FakeClock
) -> None:
    queue = session.queue
    partial = queue.put(abs, begin_by=timedelta(seconds=0))
    session.commit()
    for _ in range(3):  # the second time by its deadline, and its entry in the tree stays
        fake_clock.advance(seconds=1)
        assert session.claim(1) == [partial]
        session.activate_claimed(partial)
        queue.release(partial)
        session.commit()
    [lane] = [lane for lane in queue.lanes().values() if lane.deadlines]
    assert sum(map(len, lane.filed.values())) > len(lane.deadlines) == 1

    assert inspect(session.connection, session.manager).findings == []


def test_completed_jobs_that_are_counted_wrong(session: Session, mend: Mend) -> None:
    worker = serve(session)
    partials = put(session, 70)
    for partial in session.claim():
        end(partial, 1)
    worker.completed.extend(partials)
    worker.completed._buckets[-1].full += 1
    mend(Kind.COUNT, worker.completed)
    assert len(worker.completed) == 70
