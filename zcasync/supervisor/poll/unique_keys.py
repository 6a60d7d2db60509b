"""Unique keys: those of calls that have ended become free again, behind their end.

A put does not depend on it: it asks what became of the call that has its key.
"""

from __future__ import annotations

from collections.abc import Iterable

from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.queues.unique import free
from zcasync.supervisor.poll.slots import Slots


class UniqueKeys:
    """The keys of the calls that one engine has claimed."""

    def __init__(self) -> None:
        self._claimed: dict[bytes, PartialRecord] = {}
        self._over: list[bytes] = []

    def note(self, partials: Iterable[PartialRecord]) -> None:
        """Note those that have a key, of what a pass claims.  Safe to repeat."""
        for partial in partials:
            if partial.unique is not None:
                self._claimed[partial._p_oid] = partial

    def free(self, slots: Slots) -> None:
        """Free the keys of those that are claimed no more, unless they wait again."""
        self._over = []
        if not self._claimed:
            return
        held = {one._p_oid for slot in slots for one in slot.claims.items}
        self._over = [oid for oid in self._claimed if oid not in held]
        for oid in self._over:
            partial = self._claimed[oid]
            if broken(partial) is None and partial.queue is not None:
                free(partial.queue, [partial])

    def committed(self) -> None:
        """Forget what a pass has freed: it is committed."""
        for oid in self._over:
            del self._claimed[oid]
        self._over = []
