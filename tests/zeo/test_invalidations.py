"""What a connection notes of others' commits while nobody uses it has an end."""

from __future__ import annotations

import pytest
from ZODB import DB
from ZODB.utils import p64

from tests.jobs.samples import Demo
from tests.support.sessions import Session
from zcasync.zeo import invalidations
from zcasync.zeo.invalidations import bound


def test_a_connection_that_waits_keeps_a_limited_number_of_invalidations(
    db: DB, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a spare child does, which waits for hours while others write millions of objects."""
    monkeypatch.setattr(invalidations, "NOTED_LIMIT", 100)
    bound(db)
    demo = session.keep(Demo())
    idle = Session(db)
    seen = idle.same(demo)
    assert (seen.counter, demo.counter) == (0, 0)
    demo.counter = 1
    session.commit()
    most = 0
    for number in range(50):
        db._mvcc_storage.invalidate(p64(2**62), [p64(2**50 + 30 * number + n) for n in range(30)])
        most = max(most, len(idle.connection._storage._invalidations or ()))
    assert 0 < most <= 2 * 100 + 30

    assert seen.counter == 0  # in the transaction that has begun before
    idle.sync()
    assert seen.counter == 1
    idle.close()


def test_a_few_invalidations_are_kept_as_they_are(db: DB, session: Session) -> None:
    bound(db)
    demo, other = session.keep(Demo(), "one"), session.keep(Demo(), "two")
    idle = Session(db)
    seen, unchanged = idle.same(demo), idle.same(other)
    assert (seen.counter, unchanged.counter) == (0, 0)
    demo.counter = 1
    session.commit()
    idle.sync()
    assert (seen._p_changed, unchanged._p_changed) == (None, False)
    idle.close()
