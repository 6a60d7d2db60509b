"""Noted: the traces of one try at a commit in a record, to know it by when its answer is lost."""

from __future__ import annotations

from typing import NamedTuple, Self

from zcasync.job.record import PartialRecord


class Noted(NamedTuple):
    """The attempt that a try has written in a partial's record, and the record's serial before.

    The state alone does not tell: a partial is active before its call begins and, where that waits
    for a Deferred, also afterwards.
    """

    serial: bytes
    attempts: int
    started: int | None

    @classmethod
    def of(cls, partial: PartialRecord) -> Self:
        """Return what this transaction has written, before its commit and its next savepoint."""
        return cls(partial._p_serial, partial.attempts, partial.started_at)

    def is_stored(self, partial: PartialRecord) -> bool:
        """Return whether it is in the record, as a transaction sees it that began afterwards."""
        is_same = (partial.attempts, partial.started_at) == (self.attempts, self.started)
        return is_same and bool(partial._p_serial != self.serial)
