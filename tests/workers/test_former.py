"""What a worker has completed stays when its record is removed."""

from __future__ import annotations

import pytest
from ZODB.POSException import ConflictError

from tests.support import scenes
from tests.support.sessions import ONE, TWO, Connect, Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING
from zcasync.queues.again import again
from zcasync.reports.selection import Selection
from zcasync.reports.walk import walk


@pytest.fixture
def done(session: Session) -> list[Partial]:
    """Jobs that a worker without an engine has completed, and one that another one has."""
    made = []
    for name, count in ((TWO, 3), (ONE, 1)):
        worker = scenes.serve(session, name)
        partials = scenes.put(session, count)
        scenes.claim(session, worker, partials)
        for partial in partials:
            scenes.end(partial, 1)
            worker.thread.remove(partial)
        worker.completed.extend(partials)
        made += partials
    session.manager.workers[TWO].engineUUID = None
    session.commit()
    return made


def completed_ids(session: Session) -> set[bytes]:
    found = walk(session.manager, Selection(state="completed"))
    return {one._p_oid for one in found}


def findings(session: Session) -> list[str]:
    return list(map(str, inspect(session.connection, session.manager).findings))


def test_what_it_has_completed_can_be_looked_at(session: Session, done: list[Partial]) -> None:
    workers = session.manager.workers
    assert workers.former is None
    workers.remove(workers[TWO])
    session.commit()
    assert list(workers) == [ONE]
    assert completed_ids(session) == {one._p_oid for one in done}
    assert workers.former is not None
    assert len(workers.former.completed) == 3
    assert findings(session) == []


def test_a_worker_that_has_completed_nothing_leaves_nothing(session: Session) -> None:
    workers = session.manager.workers
    workers.remove(scenes.serve(session, TWO))
    session.commit()
    assert (len(workers), workers.former) == (0, None)


def test_a_job_of_it_can_be_run_again(session: Session, done: list[Partial]) -> None:
    workers = session.manager.workers
    workers.remove(workers[TWO])
    session.commit()
    again(session.queue, [done[0]])
    session.commit()
    assert done[0].state == PENDING
    assert completed_ids(session) == {one._p_oid for one in done[1:]}
    assert findings(session) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_job_is_run_again_while_its_worker_is_removed(
    session: Session, connect: Connect, done: list[Partial], is_first: bool
) -> None:
    """They need not meet: the page in which it was goes with the others."""
    other = connect()
    other.sync()
    again(other.queue, [other.same(done[0])])
    workers = session.manager.workers
    workers.remove(workers[TWO])
    for one in (session, other) if is_first else (other, session):
        one.commit()
    session.sync()
    assert completed_ids(session) == {one._p_oid for one in done[1:]}
    assert findings(session) == []


def test_what_drops_or_adds_jobs_of_it_meets_the_removal(
    session: Session, connect: Connect, done: list[Partial]
) -> None:
    other = connect()
    other.sync()
    kept = other.manager.workers[TWO].completed
    kept.buckets = kept.buckets[:0]
    workers = session.manager.workers
    workers.remove(workers[TWO])
    session.commit()
    with pytest.raises(ConflictError):
        other.commit()


def test_a_new_record_of_the_same_name_has_nothing_of_the_old_one(
    session: Session, done: list[Partial]
) -> None:
    workers = session.manager.workers
    workers.remove(workers[TWO])
    session.commit()
    renewed = scenes.serve(session, TWO)
    assert len(renewed.completed) == 0
    again(session.queue, [done[1]])
    session.commit()
    assert completed_ids(session) == {done[0]._p_oid, done[2]._p_oid, done[3]._p_oid}


def test_several_are_kept_side_by_side(session: Session, done: list[Partial]) -> None:
    workers = session.manager.workers
    workers[ONE].engineUUID = None
    for name in (TWO, ONE):
        workers.remove(workers[name])
        session.commit()
    assert completed_ids(session) == {one._p_oid for one in done}
    assert workers.former is not None
    assert len(workers.former.completed.buckets) == 2
    assert findings(session) == []


def test_one_that_holds_jobs_is_not_removed(session: Session) -> None:
    worker = scenes.serve(session, TWO)
    scenes.claim(session, worker, scenes.put(session))
    with pytest.raises(BadStateError, match="still holds 1 job"):
        session.manager.workers.remove(worker)


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_ephemeral_is_true_or_false(session: Session, value: object) -> None:
    with pytest.raises(TypeError, match="ephemeral must be True or False"):
        scenes.serve(session, TWO).ephemeral = value
