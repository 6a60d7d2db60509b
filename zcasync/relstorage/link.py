"""The link to a storage's server: whether it was lost, and whether it is there again.

RelStorage connects anew by itself, at the beginning of a transaction, and nobody can ask it whether
it could.  While nothing was lost no question costs anything here.
"""

from __future__ import annotations

from typing import Any

from zcasync.relstorage.lost import ServerLost, errors_of, told

#: The attribute of what all connections of a database share, RelStorage's connection manager.
LINK = "zcasync_link"


class Link:
    """What the storages of one database know of its server."""

    def __init__(self, storage: Any) -> None:
        self._adapter = storage._adapter
        self._pool = storage._store_connection_pool
        self._problem: ServerLost | None = None

    def meet(self, error: BaseException) -> Exception | None:
        """Return what an error of a storage means to users of ZODB, and note a loss; None: none."""
        found = told(error, self._adapter.driver)
        if isinstance(found, ServerLost):
            self._problem = found
        return found

    def is_there(self) -> bool:
        """Return whether the server answers, as far as is known; asks only after a loss."""
        try:
            self.require()
        except ServerLost:
            return False
        return True

    def require(self) -> None:
        """Raise ServerLost when the server was lost and does not answer yet."""
        if self._problem is None:
            return
        try:
            conn, cursor = self._adapter.connmanager.open()
        except errors_of(self._adapter.driver) as error:
            found = self.meet(error) or ServerLost(str(error))
            raise found from error
        self._adapter.connmanager.close(conn, cursor)
        # Those that wait there for the next commit were cut, too, and would only find it out then.
        self._pool.drop_all()
        self._problem = None


def link_of(storage: Any) -> Link:
    """Return the link of a storage's database; the first time, make it."""
    shared = storage._adapter.connmanager
    found = getattr(shared, LINK, None)
    if found is None:
        found = Link(storage)
        setattr(shared, LINK, found)
    return found  # type: ignore[no-any-return]
