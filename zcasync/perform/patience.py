"""Patience with jobs that could not be done, and not for a fault of theirs, as far as is known."""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.database.errors import NOT_COMMITTED, is_lost_by_storage
from zcasync.database.sync import catch_up_all
from zcasync.zeo.older import StateLoadError

#: The errors that may pass by themselves, with a record that comes for instance.
MAY_PASS = (TransientError, StorageError, POSKeyError, StateLoadError)
#: So often a job may fail for one of these, in a row, while the storage answers.
MOST_TRIES = 3


class Patience:
    """Decides whether the supervisor is to give out a job again, a little later."""

    def __init__(self) -> None:
        self._failed: dict[bytes, int] = {}  # how often in a row, by oid

    def lasts(self, error: Exception, oid: bytes, db: Any) -> bool:
        """Return whether a job that could not be done may be tried again as if nothing was.

        So it is while the storage is away, and a few times where it answers all the same.
        """
        if is_lost_by_storage(error):
            return True
        if not isinstance(error, MAY_PASS):
            return False
        try:
            catch_up_all(db)
        except NOT_COMMITTED:
            return True
        tries = self._failed.pop(oid, 0) + 1
        if tries < MOST_TRIES:
            self._failed[oid] = tries
        return tries < MOST_TRIES

    def ends(self, oid: bytes) -> None:
        """Forget the failures of a job that was done."""
        self._failed.pop(oid, None)
