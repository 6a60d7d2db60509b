"""Quotas whose records are damaged: begun anew, held by what is claimed."""

from __future__ import annotations

import random

import pytest
from ZODB.FileStorage import FileStorage

from tests.support import scenes
from tests.support.damage import Damage, overwrite, truncated, with_random_bytes
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import install
from zcasync.salvage.salvage import despite_damage

DAMAGES = [truncated, with_random_bytes]


def made(path: str) -> tuple[bytes, bytes]:
    """A database in which two calls hold a quota and two wait; the oids of its records."""
    db = make_database(FileStorage(path))
    session = Session(db)
    install(session.connection).quotas.set("solr", limit=2)
    session.commit()
    for number in range(4):
        session.queue.put(Partial(abs, number), quota="solr")
    session.commit()
    worker = scenes.serve(session)
    taken = session.claim()
    for partial in taken:
        partial.assign(worker.incarnation)
    worker.thread.lists(1)[0].items = tuple(taken)
    session.commit()
    quota = session.manager.quotas["solr"]
    oids = quota._p_oid, quota.use._p_oid
    session.close()
    db.close()
    return oids


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_quota_is_begun_anew_and_held_by_what_is_claimed(
    tmp_path: object, how: Damage, which: int
) -> None:
    path = f"{tmp_path}/Data.fs"
    oids = made(path)
    storage = FileStorage(path)
    overwrite(storage, oids[which], lambda data: how(data, random.Random(4711)))
    storage.close()
    db = make_database(FileStorage(path))
    session = Session(db)

    found = despite_damage(session.connection, lambda: session.queue.claim(ONE.bytes, 10).partials)
    session.commit()

    quota = session.manager.quotas["solr"]
    assert found == []
    assert len(session.manager.quotas.holders("solr")) == 2
    assert quota.limit == (1 if which == 0 else 2)
    session.close()
    db.close()
