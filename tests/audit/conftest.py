"""A database in a file, and what an audit finds in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ZODB import DB

from tests.support.sessions import Session
from zcasync.audit.finding import Finding, Kind
from zcasync.audit.inspection import inspect
from zcasync.audit.repair import repair

#: Commits, and looks.
Find = Callable[[], list[Finding]]


@pytest.fixture
def session(file_db: DB) -> Iterator[Session]:
    """A session with a database whose records can be listed and deleted."""
    made = Session(file_db)
    yield made
    made.close()


@pytest.fixture
def find(session: Session) -> Find:
    """Commits what the test has damaged; the findings."""

    def look() -> list[Finding]:
        session.commit()
        session.sync()
        return inspect(session.connection, session.manager).findings

    return look


@pytest.fixture
def mend(session: Session, find: Find) -> Callable[[Kind, Any], Finding]:
    """Expects one finding, about this object; repairs it, and expects none."""

    def look_and_repair(kind: Kind, obj: Any) -> Finding:
        found = find()
        assert [(one.kind, one.oid) for one in found] == [(kind, obj._p_oid)], found
        assert found[0].remedy is not None
        session.sync()
        assert repair(session.connection, session.manager, found[0])
        note = session.transactions.get().description
        assert note.startswith("zcasync check --repair: ")
        assert found[0].id in note
        session.commit()
        assert not repair(session.connection, session.manager, found[0]), "it is repaired once"
        session.abort()
        assert find() == []
        return found[0]

    return look_and_repair
