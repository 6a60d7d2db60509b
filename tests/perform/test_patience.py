"""Patience has an end where the storage answers, and none while it is away."""

from __future__ import annotations

from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.POSException import ConflictError, POSKeyError

from tests.support.storage_errors import of_storage
from zcasync.perform.patience import MOST_TRIES, Patience

OID, OTHER = bytes(7) + b"\x01", bytes(7) + b"\x02"


@pytest.mark.parametrize("error", [POSKeyError(OID), ConflictError()], ids=repr)
def test_what_may_pass_is_tried_a_few_times_in_a_row(db: DB, error: Exception) -> None:
    patience = Patience()
    assert [patience.lasts(error, OID, db) for _ in range(MOST_TRIES)] == [True, True, False]
    assert patience.lasts(error, OID, db), "it begins anew"
    patience.ends(OID)
    assert [patience.lasts(error, OID, db) for _ in range(MOST_TRIES)] == [True, True, False]
    assert patience.lasts(error, OTHER, db)


def test_what_is_no_error_of_storages_is_not_tried_again(db: DB) -> None:
    assert not Patience().lasts(ValueError("a bug"), OID, db)


@pytest.mark.parametrize("is_marked", [True, False])
def test_a_storage_that_is_away_is_waited_for_without_end(db: DB, is_marked: bool) -> None:
    error = ClientDisconnected("away")
    if is_marked:
        of_storage(error)
    else:

        def ping() -> Any:
            raise ClientDisconnected("still away")

        db.storage.ping = ping
    patience = Patience()
    assert all(patience.lasts(error, OID, db) for _ in range(10 * MOST_TRIES))
