"""The chain of a child's commits: it notices when one of them was undone, and no other trouble."""

from __future__ import annotations

from base64 import encodebytes

import pytest
from ZODB import DB
from ZODB.POSException import ConflictError

from tests.support.sessions import Session
from zcasync.workers.undo_guard import CommitChain, UndoGuard


class Child:
    """A session whose commits are a chain."""

    def __init__(self, db: DB) -> None:
        self.session = Session(db)
        self.session.keep(UndoGuard(), "guard")
        self.chain = CommitChain()
        self.chain.oid = self.guard._p_oid
        self.chain.attach(self.session.connection)
        self.session.connection.chain = self.chain

    @property
    def guard(self) -> UndoGuard:
        found: UndoGuard = self.session.root["guard"]
        return found

    def commit(self) -> bytes:
        """Commit a change; returns its id."""
        self.session.sync()
        self.session.root["changed"] = self.session.root.get("changed", 0) + 1
        self.session.commit()
        serial: bytes = self.session.root._p_serial
        return serial


@pytest.fixture
def child(file_db: DB) -> Child:
    return Child(file_db)


def undo(child: Child, tid: bytes) -> None:
    operator = Session(child.session.connection.db())
    operator.connection.db().undo(encodebytes(tid).rstrip(), operator.transactions.get())
    operator.commit()
    operator.close()


def test_every_commit_that_changes_something_writes_the_guard(child: Child) -> None:
    for number in range(1, 4):
        child.commit()
        assert child.guard.count == number
        assert child.chain.take_intact()
    child.session.sync()
    child.session.commit()
    assert child.guard.count == 3


def test_a_commit_that_was_undone_is_noticed_with_the_next_one(child: Child) -> None:
    undone = child.commit()
    assert child.chain.take_intact()
    undo(child, undone)
    child.commit()
    assert not child.chain.take_intact()
    child.commit()
    assert child.chain.take_intact(), "the ones behind it are protected again"


def test_a_commit_that_was_undone_before_it_is_asked_about_is_noticed(child: Child) -> None:
    undo(child, child.commit())
    child.session.sync()
    assert not child.chain.take_intact()


def test_a_try_that_conflicts_is_not_taken_for_one_that_was_undone(child: Child) -> None:
    child.commit()
    assert child.chain.take_intact()
    child.session.sync()
    child.session.root["changed"] = 0
    other = Session(child.session.connection.db())
    other.root["changed"] = 7
    other.commit()
    other.close()
    with pytest.raises(ConflictError):
        child.session.commit()
    child.session.abort()
    child.commit()
    assert child.chain.take_intact()


def test_commits_without_a_guard_protect_nothing(file_db: DB) -> None:
    session = Session(file_db)
    chain = session.connection.chain = CommitChain()
    session.keep(1)
    assert not chain.take_intact()


def test_a_guard_that_is_gone_refuses_one_commit_and_is_forgotten(file_db: DB) -> None:
    child = Child(file_db)
    undo(child, child.guard._p_serial)
    with pytest.raises(ConflictError, match="the claim of these jobs was undone"):
        child.commit()
    child.session.abort()
    assert child.chain.oid is None
    child.commit()
    assert not child.chain.take_intact()


def test_a_guard_that_is_gone_is_not_attached(file_db: DB) -> None:
    child = Child(file_db)
    undo(child, child.guard._p_serial)
    session = Session(file_db)
    child.chain.attach(session.connection)
    assert child.chain.oid is None


def test_the_first_commit_of_a_child_does_not_answer_for_the_child_before(child: Child) -> None:
    child.commit()
    undone = child.commit()
    assert child.chain.take_intact()
    undo(child, undone)
    successor = child.session.connection.chain = CommitChain()
    successor.oid = child.chain.oid
    successor.attach(child.session.connection)
    child.commit()
    assert not successor.take_intact()
    child.commit()
    assert successor.take_intact()
