"""Second clients: other clients of a storage that a job's connection commits to, kept out.

A process may open a database that it has already: by a configuration of the application's, such as
Zope's own.  Where both clients have changes in one transaction, each waits for the server's lock
that the other one holds, and so does every other writer, until the server gives up one of them.  So
such a connection is refused when it joins a transaction in which a job's connection takes part.

Clients of other storages of the server, and connections with a transaction manager of their own,
are nobody's business.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from typing import Any

import transaction
from ZEO.ClientStorage import ClientStorage
from ZODB.Connection import Connection
from ZODB.DB import TransactionalUndo
from ZODB.DemoStorage import DemoStorage

from zcasync.errors import BadStateError

#: The names of the own machine, which are one place.
LOOPBACK = frozenset(["", "localhost", "127.0.0.1", "::1"])
#: The attribute of a ``join`` that looks already.
LOOKS = "zcasync_looks"


def keep_out() -> None:
    """Let transactions refuse second clients of jobs' storages.  Safe to repeat."""
    kind = transaction.Transaction
    join = kind.join
    if getattr(join, LOOKS, False):
        return

    @functools.wraps(join)
    def looking(self: Any, resource: Any) -> None:
        if isinstance(resource, Connection | TransactionalUndo):
            _require_first(self, resource)
        join(self, resource)

    setattr(looking, LOOKS, True)
    kind.join = looking


def _require_first(transaction: Any, resource: Any) -> None:
    """Raise BadStateError where another client of its storage is that of a job's connection."""
    if getattr(resource, "incarnation", None) is not None:
        return  # the job's own: the usual case
    db = resource.db() if isinstance(resource, Connection) else resource._db
    for own in _jobs_databases(transaction):
        if db is own:
            return
    places = _places(db.storage)
    for own in _jobs_databases(transaction) if places else ():
        shared = places & _places(own.storage)
        if shared:
            name, where = min(shared, key=str)
            raise BadStateError(
                f"a second client of storage {name!r} at {where} cannot take part in a job's "
                "transaction, where it would wait for the first: change objects of the job's own "
                "connection, which is the _p_jar of its arguments and of zcasync.current(); or "
                "open the other connection with a transaction manager of its own"
            )


def _jobs_databases(transaction: Any) -> Iterable[Any]:
    """Return the databases of the job, if any, whose transaction it is."""
    for reference in transaction._synchronizers.as_weakref_list():
        if getattr(reference(), "incarnation", None) is not None:
            return reference().db().databases.values()  # type: ignore[no-any-return]
    return ()


def _places(storage: Any) -> frozenset[tuple[str, str]]:
    """Return the storage's name at its server, with each address of that; none: no ZEO client."""
    while not isinstance(storage, ClientStorage | DemoStorage) and hasattr(storage, "base"):
        storage = storage.base  # one that compresses, for instance
    if not isinstance(storage, ClientStorage):
        return frozenset()
    talk = getattr(storage._server.client.protocol, "sm_protocol", None)
    link = getattr(talk, "transport", None)
    peer = None if link is None else link.get_extra_info("peername")
    return frozenset((storage._storage, _shown(one)) for one in [*storage._addr, peer] if one)


def _shown(address: Any) -> str:
    """Return an address in the form in which two of the same are equal."""
    if isinstance(address, bytes):
        address = os.fsdecode(address)
    if isinstance(address, str):
        return os.path.realpath(address)
    host, port = ("", address) if isinstance(address, int) else address[:2]
    return f"{'localhost' if not host or host in LOOPBACK else host}:{port}"
