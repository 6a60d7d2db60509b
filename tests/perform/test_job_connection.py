"""A job connection is open and fenced, or not open at all."""

from __future__ import annotations

import uuid

import pytest
import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.POSException import ConnectionStateError

from tests.jobs.samples import Demo
from tests.support.sessions import ONE, Session
from zcasync.errors import BadStateError, FencedError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.perform.job_connection import JobConnection
from zcasync.workers.incarnation import Incarnation


def test_a_connection_that_cannot_be_opened_again_is_closed_until_it_can(
    db: DB, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    incarnation = session.keep(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()))
    job_connection = JobConnection(db, incarnation._p_oid, transaction.TransactionManager())
    job_connection.close()

    def away(connection: object, incarnation: object) -> None:
        raise ClientDisconnected("away")

    with monkeypatch.context() as patched:
        patched.setattr("zcasync.perform.job_connection.fence", away)
        with pytest.raises(ClientDisconnected):
            job_connection.open()
    assert not job_connection.is_open
    job_connection.close()

    job_connection.open()
    incarnation.end("buried")
    session.commit()
    job_connection.connection.transaction_manager.begin()
    job_connection.connection.root()["change"] = 1
    with pytest.raises(FencedError):
        job_connection.connection.transaction_manager.commit()
    job_connection.close()


def test_a_discarded_connection_belongs_to_no_thread_any_more(db: DB, session: Session) -> None:
    incarnation = session.keep(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()))
    loaded, ghost = session.keep(Demo(), "loaded"), session.keep(Demo(), "ghost")
    job_connection = JobConnection(db, incarnation._p_oid, transaction.TransactionManager())
    late = job_connection.connection.get(loaded._p_oid)
    late._p_activate()
    never_loaded = job_connection.connection.get(ghost._p_oid)
    never_loaded._p_deactivate()
    first = job_connection.connection

    job_connection.retire()
    with pytest.raises(BadStateError, match=r"zcasync\.twist\.Partial"):
        late.counter = 5
    with pytest.raises(ConnectionStateError):
        _ = never_loaded.counter

    job_connection.open()
    assert job_connection.connection is not first
    job_connection.connection.get(loaded._p_oid).counter = 1
    job_connection.connection.transaction_manager.commit()
    job_connection.close()
    session.sync()
    assert loaded.counter == 1


def test_a_database_forgets_its_discarded_connections(db: DB, session: Session) -> None:
    """A child retires one for each Deferred, and what is kept for each grows with all commits."""
    incarnation = session.keep(Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here()))
    views = db._mvcc_storage._instances
    before = len(views)
    for _ in range(3):
        job_connection = JobConnection(db, incarnation._p_oid, transaction.TransactionManager())
        job_connection.retire()
        job_connection.retire()
        session.keep(Demo())
    assert len(views) == before
