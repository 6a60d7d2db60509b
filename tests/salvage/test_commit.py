"""The commit of a salvage: its process dies before it, or freezes, while another one makes it."""

from __future__ import annotations

import random

import pytest
from ZODB import DB
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.damage import overwrite, truncated
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.salvage.salvage import mend, salvage


@pytest.fixture
def put(file_db: DB) -> list[bytes]:
    """Jobs on two pages, of which the second is damaged."""
    session = Session(file_db)
    partials = [session.queue.put(Partial(samples.nothing)) for _ in range(10)]
    session.commit()
    partials += [session.queue.put(Partial(samples.nothing)) for _ in range(3)]
    session.commit()
    (lane,) = (one for one in session.queue.lanes().values() if one.page.partials)
    assert lane.page is not lane.inbox.last
    oids, damaged = [one._p_oid for one in partials], lane.inbox.last._p_oid
    session.close()
    overwrite(file_db.storage, damaged, lambda data: truncated(data, random.Random(1)))
    file_db.cacheMinimize()
    return oids


def require_the_rest_waits(session: Session, put: list[bytes]) -> None:
    """What is lost is what the damaged page held, and it can be put back."""
    session.sync()
    assert salvage(session.connection) == []
    claimed = session.queue.claim(ONE.bytes, 100).partials
    assert {one._p_oid for one in claimed} == set(put[:10])
    session.transactions.abort()


def test_one_that_is_killed_before_it_has_changed_nothing(file_db: DB, put: list[bytes]) -> None:
    killed, next_one = Session(file_db), Session(file_db)
    assert len(salvage(killed.connection)) == 1
    killed.transactions.abort()
    assert len(mend(next_one.connection)) == 1
    require_the_rest_waits(next_one, put)


def test_one_that_was_frozen_before_it_undoes_nothing_of_another_one(
    file_db: DB, put: list[bytes]
) -> None:
    frozen, other, client = Session(file_db), Session(file_db), Session(file_db)
    assert len(salvage(frozen.connection)) == 1
    assert len(mend(other.connection)) == 1
    later = client.queue.put(Partial(samples.nothing))
    client.commit()
    with pytest.raises(ConflictError):
        frozen.commit()
    frozen.transactions.abort()
    assert mend(frozen.connection) == []
    other.sync()
    found = {one._p_oid for one in other.queue.claim(ONE.bytes, 100).partials}
    assert found == {*put[:10], later._p_oid}


def test_one_that_is_killed_behind_it_is_not_made_again(file_db: DB, put: list[bytes]) -> None:
    killed, next_one = Session(file_db), Session(file_db)
    assert len(mend(killed.connection)) == 1
    assert mend(next_one.connection) == []
    require_the_rest_waits(next_one, put)
