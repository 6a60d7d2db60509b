"""Fixtures for the tests of children: a job thread without the thread."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import transaction
from ZODB import DB

from tests.support.job_threads import CALLS, Bench, Storage
from zcasync.child import batches
from zcasync.database import waiting as storage_wait


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    CALLS.clear()
    monkeypatch.setattr(storage_wait, "LONGEST_PAUSE", 0.0)
    monkeypatch.setattr(batches, "GROUP_SECONDS", 60.0)  # the machine may be busy
    storage = Storage()
    db = DB(storage)
    made = Bench(db, storage)
    yield made
    transaction.abort()
    made.client.close()
    db.close()
