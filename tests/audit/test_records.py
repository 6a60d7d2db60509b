"""Records that are missing or cannot be loaded: named, with what refers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ZEO
from ZODB import DB
from ZODB.Connection import TransactionMetaData
from ZODB.MappingStorage import MappingStorage

from tests.jobs.basic import Counter, echo
from tests.support.damage import overwrite
from tests.support.fixtures import with_manager
from tests.support.scenes import Fickle, claim, end, put, serve
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.audit.finding import Finding, Kind
from zcasync.audit.inspection import inspect
from zcasync.audit.repair import repair
from zcasync.errors import UnloadableArguments
from zcasync.perform.performer import Performer
from zcasync.queues.client_lane import FIRST

Find = Callable[[], list[Finding]]


def delete(session: Session, obj: Any) -> None:
    """Delete a record, as a pack that has missed a reference."""
    session.commit()
    storage = session.connection.db().storage
    change = TransactionMetaData()
    storage.tpc_begin(change)
    storage.deleteObject(obj._p_oid, obj._p_serial, change)
    storage.tpc_vote(change)
    storage.tpc_finish(change)
    session.connection.cacheMinimize()


def test_a_job_without_a_record_is_named_with_its_place(session: Session, find: Find) -> None:
    worker, partials = serve(session), put(session, 4)
    claim(session, worker, partials[:1])
    done = partials[1]
    session.queue.withdraw(done)
    end(done, 1)
    worker.completed.add(done)
    for partial in partials[:3]:
        delete(session, partial)
    found = {one.oid: one for one in find()}
    assert set(found) == {partial._p_oid for partial in partials[:3]}
    assert {one.kind for one in found.values()} == {Kind.MISSING}
    assert f"claimed by worker {worker.UUID}" in found[partials[0]._p_oid].problem
    assert "completed" in found[partials[1]._p_oid].problem
    assert "in the thread queue" in found[partials[2]._p_oid].problem


def test_a_job_that_cannot_be_loaded_is_named_with_the_reason(
    session: Session, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    [partial] = put(session)
    partial.fickle = Fickle()
    session.commit()
    session.connection.cacheMinimize()
    monkeypatch.setattr(Fickle, "refuses", True)
    [found] = find()
    assert (found.kind, found.oid) == (Kind.BROKEN, partial._p_oid)
    assert "this release knows no such thing" in found.problem
    assert session.claim() == []  # sets it aside
    session.commit()
    assert [one.oid for one in find()] == [partial._p_oid]
    monkeypatch.setattr(Fickle, "refuses", False)
    session.connection.cacheMinimize()
    assert find() == []


def test_a_job_that_refers_to_what_is_not_there_is_named(session: Session, find: Find) -> None:
    counter = session.keep(Counter())
    [partial, other] = put(session, 2)
    for one in (partial, other):
        one.args[0] = counter
    session.queue.withdraw(other)
    end(other)
    delete(session, counter)
    [found] = find()
    assert (found.kind, found.oid) == (Kind.MISSING, partial._p_oid)
    assert f"{int.from_bytes(counter._p_oid):#x}" in found.problem


def put_large(session: Session) -> tuple[Partial, Any]:
    """A job that waits with a large argument, and the record of that."""
    partial = session.queue.put(Partial(echo, b"x" * 10_000))
    session.commit()
    return partial, partial.argument_forms[0][0].box


def test_a_job_whose_large_argument_is_gone_is_named_and_fails_alone(
    session: Session, find: Find
) -> None:
    partial, box = put_large(session)
    delete(session, box)
    [found] = find()
    assert (found.kind, found.oid) == (Kind.MISSING, partial._p_oid)
    assert f"{int.from_bytes(box._p_oid):#x}" in found.problem

    session.activate(partial)
    Performer().perform(partial)
    assert partial.result.check(UnloadableArguments)
    assert "the args[0] of tests.jobs.basic.echo cannot be loaded: there is no record" in str(
        partial.result.value
    )
    assert find() == []


def test_a_large_argument_that_cannot_be_loaded_is_named_and_its_job_fails_alone(
    session: Session, find: Find
) -> None:
    partial, box = put_large(session)
    overwrite(session.connection.db().storage, box._p_oid, lambda data: data[:100])
    session.connection.cacheMinimize()
    session.sync()
    assert [(one.kind, one.oid) for one in find()] == [(Kind.BROKEN, box._p_oid)]

    session.activate(partial)
    Performer().perform(partial)
    assert partial.result.check(UnloadableArguments)
    assert "the args[0] of tests.jobs.basic.echo cannot be loaded" in str(partial.result.value)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_page_without_a_record_is_named_and_its_jobs_wait_again(
    session: Session, find: Find, number: int
) -> None:
    partials = [partial for _ in range(3) for partial in put(session, 10)]
    lane = next(lane for key, lane in session.queue.lanes().items() if key != FIRST)
    page = [lane.page, lane.page.next, lane.page.next.next][number]
    delete(session, page)
    found = find()
    assert (found[0].kind, found[0].oid) == (Kind.MISSING, page._p_oid)
    lost = [partial._p_oid for partial in partials[10 * number :]]
    assert sorted(one.oid for one in found[1:]) == lost
    assert {one.kind for one in found[1:]} == {Kind.LOST}
    for one in found:
        session.sync()
        assert repair(session.connection, session.manager, one), one
        session.commit()
    assert find() == []
    other = Session(session.connection.db())  # the lost page is in this session's memory
    more = put(other, 2)
    assert set(other.queue) == {*map(other.same, partials), *more}
    other.close()


def test_a_claim_list_without_a_record_is_named_and_so_are_its_jobs(
    session: Session, find: Find
) -> None:
    worker, partials = serve(session), put(session, 2)
    claim(session, worker, partials)
    one = worker.thread.lists()[0]
    delete(session, one)
    found = find()
    assert [finding.oid for finding in found] == [one._p_oid, *(p._p_oid for p in partials)]
    assert [finding.kind for finding in found] == [Kind.MISSING, Kind.LOST, Kind.LOST]


def test_a_sidecar_without_a_record_is_named(session: Session, find: Find) -> None:
    [partial] = put(session)
    partial.addCallback(abs)
    session.commit()
    sidecar = partial.sidecar
    delete(session, sidecar)
    [found] = find()
    assert (found.kind, found.oid) == (Kind.MISSING, partial._p_oid)


def test_jobs_that_come_while_it_looks_are_passed_over(session: Session) -> None:
    put(session)
    session.sync()
    other = Session(session.connection.db())
    put(other)
    assert inspect(session.connection, session.manager).findings == []
    other.close()


def test_records_whose_creation_was_undone_are_passed_over(session: Session, find: Find) -> None:
    session.keep(Partial(abs, -1))
    db = session.connection.db()
    db.undo(db.undoLog(0, 1)[0]["id"], session.transactions.get())
    session.commit()
    [lost] = put(session)
    session.queue.lane(FIRST)
    for key in list(session.queue.lanes())[1:]:
        del session.queue._lanes[key]
    assert [one.oid for one in find()] == [lost._p_oid]


@pytest.fixture(params=["mapping", "mapping at a server", "file at a server"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DB]:
    """Databases in storages that list their records each in its own way."""
    if request.param == "mapping":
        db = DB(MappingStorage())
        yield db
        db.close()
        return
    file = f"<filestorage>\n path {tmp_path}/Data.fs\n</filestorage>"
    kind = file if "file" in request.param else "<mappingstorage>\n</mappingstorage>"
    address, stop = ZEO.server(storage_conf=kind)
    db = ZEO.DB(address)
    yield db
    db.close()
    stop()


def test_every_kind_of_storage_tells_of_a_job_that_nothing_leads_to(stored: DB) -> None:
    db = stored
    with_manager(db)
    session = Session(db)
    [lost] = put(session)
    for key in list(session.queue.lanes())[1:]:
        del session.queue._lanes[key]
    session.commit()
    session.sync()
    report = inspect(session.connection, session.manager)
    assert [one.oid for one in report.findings] == [lost._p_oid]
    assert report.records is not None
    session.close()
