"""Fencing: a connection that commits only while its engine has not been buried.

Whoever buries an engine writes its incarnation.  A commit of a process that was declared dead then
fails in one of two ways: it sees the end in its own view of the database (FencedError), or the
storage finds that the incarnation is not current (ConflictError): the next try sees it.
``Connection.commit(transaction)`` is the one place that every commit passes, whether the
transaction was begun explicitly or not, and whether it was rolled back to savepoints before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from zcasync.errors import FencedError
from zcasync.workers.incarnation import Incarnation


class Fenced:
    """Mixed into a connection's class; its commits check the incarnation given to :func:`fence`."""

    incarnation: Incarnation | None = None

    def commit(self: Any, transaction: Any) -> None:
        """Part of the two-phase commit; raises FencedError when the engine was buried."""
        incarnation = self.incarnation
        if incarnation is not None and not incarnation._p_changed:
            if incarnation.is_over:
                raise FencedError(
                    f"engine {incarnation.engineUUID} is over ({incarnation.end_reason}): nothing "
                    "that it still does may be committed"
                )
            self.readCurrent(incarnation)
        super().commit(transaction)  # type: ignore[misc]

    def _register(self: Any, obj: object = None) -> None:
        # A job may change only objects of another database: the fence's connection has to join too.
        super()._register(obj)  # type: ignore[misc]
        for other in self.connections.values():
            fenced = getattr(other, "incarnation", None) is not None
            if fenced and other is not self and other._needs_to_join:
                other._register()


@lru_cache
def fenced_class(kind: type) -> type:
    """The fenced variant of a connection class."""
    return kind if issubclass(kind, Fenced) else type(f"Fenced{kind.__name__}", (Fenced, kind), {})


def fence(connection: Any, incarnation: Incarnation | None) -> None:
    """Let the connection commit only while ``incarnation``, one of its objects, is not over.

    Its companions in other databases take part.  None: no fence any more.
    """
    for one in connection.connections.values():
        one.__class__ = fenced_class(one.__class__)
    for db in connection.db().databases.values():
        db.klass = fenced_class(db.klass)
    connection.incarnation = incarnation
