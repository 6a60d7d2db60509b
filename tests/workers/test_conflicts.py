"""Which objects cost how many retries: counted in memory, kept by day, and bounded in both."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.support.sessions import ONE, FakeClock, Session
from zcasync.datamanager import Worker
from zcasync.job.conflict_counts import (
    MOST_CALLS,
    MOST_OBJECTS,
    Conflict,
    ConflictCounts,
    ObjectConflicts,
    from_rows,
)
from zcasync.workers.conflicts import MOST_DAYS, ConflictLog, added, note_conflicts, usable_days


def counted(oid: str, retries: int = 1, **calls: int) -> ObjectConflicts:
    return ObjectConflicts("app.Counter", oid, retries, calls or {"count": retries})


@pytest.fixture
def worker(session: Session) -> Worker:
    made = Worker(ONE)
    session.manager.workers.add(made)
    session.commit()
    return made


def test_conflicts_are_counted_by_object_and_by_callable() -> None:
    counts = ConflictCounts()
    assert not counts
    for call in ("a", "b", "a"):
        counts.add(Conflict("app.Counter", "0x1", (call,)))
    counts.add(Conflict("app.Counter", "0x2", ("a", "b")))

    assert counts.take() == [
        ObjectConflicts("app.Counter", "0x1", 3, {"a": 2, "b": 1}),
        ObjectConflicts("app.Counter", "0x2", 1, {"a": 1, "b": 1}),
    ]
    assert not counts
    assert counts.take() == []


def test_no_more_objects_and_callables_are_counted_than_can_be_sent() -> None:
    counts = ConflictCounts()
    for number in range(2 * MOST_OBJECTS):
        counts.merge([counted(hex(number), 1 + number)])
        counts.add(Conflict("app.Counter", "0x5000", (f"call {number}",)))
    counts.add(Conflict("\x1b[31m" * 100, "0x5000", ()))

    found = counts.take(2)
    assert [one.retries for one in found] == [2 * MOST_OBJECTS, 2 * MOST_OBJECTS]
    assert {len(one.calls) for one in found} == {1, MOST_CALLS}
    rest = counts.take()
    assert len(rest) == MOST_OBJECTS - 2
    assert min(one.retries for one in rest) > MOST_OBJECTS // 2


def test_two_threads_lose_nothing() -> None:
    counts = ConflictCounts()

    def count() -> None:
        for _ in range(2000):
            counts.add(Conflict("app.Counter", "0x1", ("a",)))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert counts.take()[0].retries == 8000


def test_what_another_process_sends_is_checked() -> None:
    assert from_rows([["app.Counter", "0x1", 2, {"a": 2}]]) == [counted("0x1", 2, a=2)]
    for wrong in ([1], [["kind", "oid", "many", {}]], [["kind", "oid", 1, 1]]):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            from_rows(wrong)


def test_a_worker_keeps_those_of_today_and_the_day_before(
    session: Session, worker: Worker, fake_clock: FakeClock
) -> None:
    note_conflicts(worker, [counted("0x1", 2)])
    session.commit()
    serial = worker._p_serial
    note_conflicts(worker, [counted("0x1", 3), counted("0x2")])
    session.commit()
    assert worker._p_serial == serial
    assert [(one.oid, one.retries) for one in added(worker.conflicts.days)] == [
        ("0x1", 5),
        ("0x2", 1),
    ]

    for _ in range(3):
        fake_clock.advance(days=1)
        note_conflicts(worker, [counted("0x3")])
        session.commit()

    assert len(worker.conflicts.days) == MOST_DAYS
    assert [(one.oid, one.retries) for one in added(worker.conflicts.days)] == [("0x3", 2)]


def test_where_there_are_none_nothing_is_written(session: Session, worker: Worker) -> None:
    note_conflicts(worker, [])

    assert worker.conflicts is None
    assert not session.connection.isReadOnly()
    assert worker._p_changed is False


def test_a_day_keeps_the_objects_that_have_cost_most(session: Session, worker: Worker) -> None:
    for start in range(0, 3 * MOST_OBJECTS, MOST_OBJECTS):
        numbers = range(start, start + MOST_OBJECTS)
        note_conflicts(worker, [counted(hex(number), 1 + number) for number in numbers])
    session.commit()

    found = added(usable_days(worker.conflicts))
    assert len(found) == MOST_OBJECTS
    assert [found[0].retries, found[-1].retries] == [3 * MOST_OBJECTS, 2 * MOST_OBJECTS + 1]


def test_those_of_two_workers_are_added_up() -> None:
    logs = [ConflictLog(), ConflictLog()]
    logs[0].add([counted("0x1", 2, a=2)], 1000)
    logs[1].add([counted("0x1", 3, b=3)], 2000)

    [found] = added(day for log in logs for day in log.days)

    assert found == ("app.Counter", "0x1", 5, 2000, (("b", 3), ("a", 2)))


@pytest.mark.parametrize("damage", [{"days": 7}, {"days": ("a day",)}])
def test_a_record_that_is_damaged_is_begun_anew(
    session: Session, worker: Worker, damage: dict[str, Any]
) -> None:
    note_conflicts(worker, [counted("0x1")])
    session.commit()
    worker.conflicts.__dict__.update(damage)
    worker.conflicts._p_changed = True
    session.commit()
    session.connection.cacheMinimize()
    assert usable_days(worker.conflicts) == []

    note_conflicts(worker, [counted("0x2")])
    session.commit()

    assert [one.oid for one in added(usable_days(worker.conflicts))] == ["0x2"]


def test_a_day_that_is_damaged_is_left_out(session: Session, worker: Worker) -> None:
    note_conflicts(worker, [counted("0x1")])
    session.commit()
    worker.conflicts.days[0].objects = (("app.Counter", "0x1", -1, 0, ()),)
    session.commit()
    session.connection.cacheMinimize()
    assert usable_days(worker.conflicts) == []

    note_conflicts(worker, [counted("0x2")])
    session.commit()

    assert [one.oid for one in added(usable_days(worker.conflicts))] == ["0x2"]
