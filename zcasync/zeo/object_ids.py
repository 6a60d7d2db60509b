"""Object ids that are not given twice, even when the database server that gives them is killed.

A ZEO client fetches ids a hundred at a time.  A server that was killed does not remember which of
them were not used yet, and the next one hands them out again, to the same client too: two objects
of one connection then have one id, and the commit fails with a ValueError that no retry expects.
So the server of the embedded default and of ``python -m zcasync.zeo`` leaves some out when it
starts; behind any other server a transaction with ids of before is to be tried again.
"""

from __future__ import annotations

import random
from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ReadOnlyError
from ZODB.utils import p64, u64, z64

#: The key in a server's info that announces that no id is given twice.
ONCE = "ids_once"
#: More ids than clients have in stock or in transactions that are under way.
DISTANCE = 2**16
MOST_DISTANCES = 2**12


class IdsOfThisServer:
    """A mixin for a ZEO client, which uses no ids that were fetched before a disconnect."""

    #: The client's count of connects and disconnects at the fetch, and the ids that are left.
    _fetched: tuple[int, list[bytes]] = (0, [])

    def new_oid(self: Any) -> bytes:
        """Return an id for a new object."""
        if self._is_read_only:
            raise ReadOnlyError()
        while True:
            generation, left = self._fetched
            if left and generation == self._connection_generation:
                oid: bytes = left.pop()
                return oid
            generation = self._connection_generation
            self._fetched = generation, list(reversed(self._call("new_oids")))


class IdsOfOneServer:
    """A mixin for the connections of a ZEO client, whose new objects have ids of one server.

    A transaction commits only ids of the server that is connected, unless the client's servers give
    no id twice.
    """

    _ids_from = 0

    def new_oid(self: Any) -> bytes:
        """Return an id for a new object.  Raises ClientDisconnected, see ``_require_own_ids``."""
        storage = self.db().storage
        while True:
            before = storage._connection_generation
            oid: bytes = super().new_oid()  # type: ignore[misc]
            if storage._connection_generation == before:
                break
        self._require_own_ids(before)
        self._ids_from = before
        return oid

    def commit(self: Any, transaction: Any) -> None:
        """Do this part of the commit.  Raises ClientDisconnected, see ``_require_own_ids``."""
        self._require_own_ids(self.db().storage._connection_generation)
        super().commit(transaction)  # type: ignore[misc]

    def _require_own_ids(self: Any, generation: int) -> None:
        """Raise ClientDisconnected for new objects with ids that may be given to others, too.

        Like that of any other disconnect in a transaction, it asks for another try.
        """
        is_safe = generation == self._ids_from or ONCE in (self.db().storage._info or ())
        if not is_safe and self._has_new_objects():
            raise ClientDisconnected(
                "the database server was away in this transaction, and may give the ids of its new "
                "objects to others: try it again"
            )

    def _has_new_objects(self: Any) -> bool:
        earlier = self._savepoint_storage
        return bool(self._added or self._creating or (earlier is not None and earlier.creating))


def give_none_twice(storage: Any) -> bool:
    """Let a storage of a server that has just started give no id that the last one may have given.

    Return whether it can.  Ids of a new database are not affected.  The distance is random, because
    a server that ends before it has committed anything leaves no trace of what it has given.
    """
    if not hasattr(storage, "set_max_oid"):
        return False
    if not storage.isReadOnly() and storage.lastTransaction() != z64:
        distance = random.randrange(1, MOST_DISTANCES) * DISTANCE  # noqa: S311  no secret
        storage.set_max_oid(p64(u64(storage.new_oid()) + distance))
    return True
