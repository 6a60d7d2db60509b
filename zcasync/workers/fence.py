"""Fencing: a connection that commits only while its engine has not been buried.

The process that buries an engine writes its incarnation.  A commit of a process that was declared
dead then fails in one of two ways: it sees the end in its own view of the database (FencedError),
or the storage finds that the incarnation is not current (ConflictError): the next try sees it.
"""

from __future__ import annotations

from typing import Any

from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.fenced import Fenced


def fence(connection: Any, incarnation: Incarnation | None) -> None:
    """Let the connection commit only while ``incarnation``, one of its objects, has not ended.

    Its companions in other databases take part.  None: no fence any more.  The connection was
    opened with :func:`zcasync.zeo.fenced.open_fenced`, or is of a database that
    :mod:`zcasync.database.opening` has opened; raises TypeError for any other one.
    """
    for one in connection.connections.values():
        if not isinstance(one, Fenced):
            raise TypeError(f"{one!r} cannot be fenced: open it with open_fenced()")
    connection.incarnation = incarnation
