"""Object ids that are not given twice, whatever becomes of the database server that gives them.

A ZEO client fetches ids a hundred at a time.  A server that was killed does not remember which of
them were not used yet, and the next one hands them out again, to the same client too: two objects
of one connection then have one id, and the commit fails with a ValueError that no retry expects.
"""

from __future__ import annotations

from typing import Any

from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ReadOnlyError


class IdsOfThisServer:
    """Mixed into a ZEO client: uses no ids that were fetched before a disconnect."""

    #: When they were fetched, in the client's count of connects and disconnects, and what is left.
    _fetched: tuple[int, list[bytes]] = (0, [])

    def new_oid(self: Any) -> bytes:
        """An id for a new object."""
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
    """Mixed into the class of a ZEO client's connections: a transaction's new objects have ids that
    one server has given, without a disconnect in between.
    """

    _ids_from = 0

    def new_oid(self: Any) -> bytes:
        """An id for a new object.

        Raises ClientDisconnected where the transaction has new objects with ids of before: like
        that of any other disconnect in a transaction, it asks for another try.
        """
        storage = self.db().storage
        while True:
            before = storage._connection_generation
            oid: bytes = super().new_oid()  # type: ignore[misc]
            if storage._connection_generation == before:
                break
        if before != self._ids_from and self._has_new_objects():
            raise ClientDisconnected(
                "the database server was away in this transaction, and may give the ids of its new "
                "objects to others: try it again"
            )
        self._ids_from = before
        return oid

    def _has_new_objects(self: Any) -> bool:
        earlier = self._savepoint_storage
        return bool(self._added or self._creating or (earlier is not None and earlier.creating))
