"""Receipts: they are there exactly when the commit is that they were written with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ZODB import DB
from ZODB.POSException import ConflictError

from tests.support.sessions import Connect, Session
from zcasync.database import receipts
from zcasync.database.receipts import ROOT_KEY, Receipt, are_signed, sign
from zcasync.errors import InDoubt


@pytest.fixture
def two() -> Iterator[Session]:
    """A session with two databases."""
    databases: dict[str, DB] = {}
    db = DB(None, database_name="one", databases=databases)
    DB(None, database_name="other", databases=databases)
    session = Session(db)
    yield session
    session.close()
    for one in list(databases.values()):
        one.close()


def stored(session: Session) -> list[Receipt]:
    """The receipts of a database."""
    return list(session.root[ROOT_KEY].values())


def test_a_commit_is_signed_once_it_is_stored(session: Session) -> None:
    session.root["one"] = 1
    signed = sign(session.connection)
    session.abort()
    assert not are_signed(session.connection, signed)

    session.root["one"] = 1
    signed = sign(session.connection)
    session.commit()
    assert are_signed(session.connection, signed)


def test_each_commit_has_its_own_sign_in_the_receipt_of_the_connection(session: Session) -> None:
    for number in range(3):
        session.root["number"] = number
        signed = sign(session.connection)
        session.commit()

    session.root["number"] = "changed"
    later = sign(session.connection)
    session.abort()
    assert are_signed(session.connection, signed)
    assert not are_signed(session.connection, later)
    assert len(stored(session)) == 1


def test_what_changes_nothing_is_not_signed(session: Session) -> None:
    assert sign(session.connection) == []
    assert not are_signed(session.connection, [])


def test_changes_before_a_savepoint_are_signed(session: Session) -> None:
    session.root["one"] = 1
    session.savepoint()

    assert len(sign(session.connection)) == 1


def test_the_receipt_is_in_the_database_that_was_changed(two: Session) -> None:
    other = two.connection.get_connection("other")
    two.root["kept"] = 1
    two.commit()
    other.root()["one"] = 1
    signed = sign(two.connection)
    two.commit()

    assert [name for name, _, _ in signed] == ["other"]
    assert ROOT_KEY not in two.root
    assert are_signed(two.connection, signed)


def test_a_commit_that_is_in_one_of_two_databases_only_is_said_to_be(two: Session) -> None:
    """The storage has ended between the ends of a commit with two phases."""
    two.root["one"] = two.connection.get_connection("other").root()["other"] = 1
    signed = sign(two.connection)
    two.commit()
    (name, oid, _), there = signed

    with pytest.raises(InDoubt, match="in a part of its databases only: \\['other'\\]"):
        are_signed(two.connection, [(name, oid, b"of another try"), there])


def test_two_tries_of_one_commit_are_not_both_stored(connect: Connect) -> None:
    """The first one comes late to the storage: here by another connection."""
    session, late = connect(), connect()
    session.root["first"] = 1
    sign(session.connection)
    session.commit()
    late.sync()
    session.sync()
    session.connection.root()["number"] = 1
    sign(session.connection)
    setattr(late.connection, receipts.KEY, getattr(session.connection, receipts.KEY))
    late.connection.root().get("first")
    late.manager.thread.batch = True
    sign(late.connection)
    late.commit()

    with pytest.raises(ConflictError):
        session.commit()


def test_the_oldest_receipts_make_room(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "LIMIT", 2)
    sessions = [connect() for _ in range(4)]
    signed = []
    for number, session in enumerate(sessions):
        session.sync()
        session.root[f"{number}"] = number
        signed.append(sign(session.connection))
        session.commit()

    sessions[0].sync()
    assert len(stored(sessions[0])) == 2
    assert are_signed(sessions[0].connection, signed[3])
    with pytest.raises(InDoubt, match="dropped to make room"):
        are_signed(sessions[0].connection, signed[0])
    sessions[0].root["again"] = 1
    again = sign(sessions[0].connection)
    sessions[0].commit()
    assert are_signed(sessions[0].connection, again)
