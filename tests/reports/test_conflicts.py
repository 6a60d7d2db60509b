"""The conflicts of all workers, added up, those of the last two days alone."""

from __future__ import annotations

from tests.support.sessions import ONE, TWO, FakeClock, Session
from zcasync.datamanager import Worker
from zcasync.job.conflict_counts import ObjectConflicts
from zcasync.reports.conflicts import conflicts
from zcasync.workers.conflicts import note_conflicts


def counted(oid: str, retries: int, call: str) -> ObjectConflicts:
    return ObjectConflicts("app.Counter", oid, retries, {call: retries})


def test_two_workers_are_added_up(session: Session, fake_clock: FakeClock) -> None:
    workers = [Worker(ONE), Worker(TWO)]
    for one in workers:
        session.manager.workers.add(one)
    note_conflicts(workers[0], [counted("0x1", 2, "a"), counted("0x2", 4, "a")])
    fake_clock.advance(hours=1)
    note_conflicts(workers[1], [counted("0x1", 3, "b")])
    session.commit()

    assert conflicts(session.manager, 10) == {
        "since": "2006-08-09",
        "conflicts": [
            {
                "class": "app.Counter",
                "oid": "0x1",
                "retries": 5,
                "last": "2006-08-10T16:00:00+00:00",
                "callables": [{"call": "b", "retries": 3}, {"call": "a", "retries": 2}],
            },
            {
                "class": "app.Counter",
                "oid": "0x2",
                "retries": 4,
                "last": "2006-08-10T15:00:00+00:00",
                "callables": [{"call": "a", "retries": 4}],
            },
        ],
    }
    assert len(conflicts(session.manager, 1)["conflicts"]) == 1


def test_those_of_long_ago_are_not_shown(session: Session, fake_clock: FakeClock) -> None:
    worker = Worker(ONE)
    session.manager.workers.add(worker)
    note_conflicts(worker, [counted("0x1", 2, "a")])
    session.commit()

    fake_clock.advance(days=1)
    assert len(conflicts(session.manager, 10)["conflicts"]) == 1
    fake_clock.advance(days=1)
    assert conflicts(session.manager, 10)["conflicts"] == []


def test_without_a_data_manager_there_are_none() -> None:
    assert conflicts(None, 10)["conflicts"] == []
