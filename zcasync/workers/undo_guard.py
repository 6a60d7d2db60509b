"""Undo guards: what has ended a job cannot be undone, neither at once nor later.

ZODB refuses to undo a transaction when one of its records was written since, with other contents.
An undone completion would leave an active job that nobody has claimed.  So every commit of a child
writes the guard of its claims too, and with that protects its commit before; the engine that
retires a job protects the last one (see :mod:`zcasync.supervisor.poll.retire`).
"""

from __future__ import annotations

from typing import Any

from persistent import Persistent
from ZODB.POSException import ConflictError, POSKeyError

from zcasync.errors import DamagedRecord
from zcasync.job.field_types import is_count
from zcasync.unpublished import Unpublished


class UndoGuard(Unpublished, Persistent):  # type: ignore[misc]
    """The number of commits of the children that have had one list of claims."""

    count = 0

    def __getnewargs__(self) -> tuple[()]:
        """Return nothing: a claim list refers to it, and so does without its class."""
        return ()

    def __getstate__(self) -> int:
        """Return the number alone: the record is written in every commit of a child."""
        return self.count

    def __setstate__(self, state: int) -> None:
        """Take the number.  Raises DamagedRecord where it is none."""
        if not is_count(state):
            raise DamagedRecord(f"its state is of type {type(state).__name__}")
        self.count = state

    def write(self) -> None:
        """Count one more commit, so that the one before cannot be undone."""
        self.count += 1


class CommitChain:
    """The commits of one child, each of which protects the one before.

    ``oid``: that of its guard, None: it has none yet.
    """

    def __init__(self) -> None:
        self.oid: bytes | None = None
        self._guard: UndoGuard | None = None
        self._written = 0  # by the last try of a commit
        self._stored = 0  # by the last commit that was asked about
        self._is_intact = True
        self._is_new = True

    def attach(self, connection: Any) -> None:
        """Use the guard in this connection; nothing happens while there is none."""
        if self.oid is not None:
            try:
                self._guard = connection.get(self.oid)
            except POSKeyError:
                self._lose()

    def write(self) -> None:
        """Write the guard in a commit that is about to be made; note whether one was undone.

        Raises ConflictError where the claim was undone that has made the guard.
        """
        if self._guard is None:
            self._is_intact = False
            return
        try:
            count = self._guard.count
        except POSKeyError as error:
            self._lose()
            raise ConflictError("the claim of these jobs was undone") from error
        if self._is_new and count:
            self._is_intact = False  # the last commit of the child before may have been undone
        self._is_new = False
        self._is_intact = self._is_intact and count >= self._stored
        self._guard.write()
        self._written = self._guard.count

    def take_intact(self) -> bool:
        """Return whether all commits since the last call have protected the ones before.

        To be called when a commit has succeeded; the tries before it may have failed.
        """
        is_intact, self._is_intact = self._is_intact, True
        if self._guard is not None:
            is_intact = is_intact and self._guard.count >= self._written
        self._stored = self._written
        return is_intact

    def _lose(self) -> None:
        """Do without a guard that is gone with its claims: the claim that made them was undone."""
        self.oid = self._guard = None
        self._written = self._stored = 0
        self._is_intact = False
