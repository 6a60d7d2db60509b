"""Fencing: a connection that commits only while its engine has not been buried.

The process that buries an engine writes its incarnation.  A commit of a process that was declared
dead then fails in one of two ways: it sees the end in its own view of the database (FencedError),
or the storage finds that the incarnation is not current (ConflictError): the next try sees it.
What jobs commit without such a connection meets the same token at the storage, see
:mod:`zcasync.zeo.storage_fence`.
"""

from __future__ import annotations

from typing import Any

from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.fenced import Fenced, require_alive
from zcasync.zeo.storage_fence import StorageFence


def fence(connection: Any, incarnation: Incarnation | None) -> None:
    """Let the connection commit only while ``incarnation``, one of its objects, has not ended.

    Its companions in other databases take part.  None: no fence any more.  The connection was
    opened with :func:`zcasync.zeo.fenced.open_fenced`, or is of a database that
    :mod:`zcasync.database.opening` has opened; raises TypeError for any other one.
    """
    for one in connection.connections.values():
        if not isinstance(one, Fenced):
            raise TypeError(f"{one!r} cannot be fenced: open it with open_fenced()")
    connection.incarnation, connection.storage_fence = incarnation, None


def storage_fence(connection: Any) -> StorageFence | None:
    """Return the fence for what else is committed on behalf of a connection's engine.

    None where the connection is not fenced, or is None.  Raises FencedError when the engine is
    over, and what the storage raises.
    """
    for one in () if connection is None else connection.connections.values():
        incarnation = getattr(one, "incarnation", None)
        if incarnation is not None:
            require_alive(incarnation)
            if one.storage_fence is None:
                token = incarnation._p_oid, incarnation._p_serial
                one.storage_fence = StorageFence(one.db(), *token, incarnation.engineUUID)
            return one.storage_fence  # type: ignore[no-any-return]
    return None
