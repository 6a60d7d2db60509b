"""Admission: which calls with quotas a pass may claim, and the record of those that it does.

What a pass asks of a quota is decided once: how many slots it has left, from the records of those
that hold it.  A call with several quotas gets a slot of each or none, so nothing waits for one
while it holds another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zcasync import clock
from zcasync.job.record import PartialRecord
from zcasync.queues.quota import Quota, with_begin
from zcasync.queues.quotas import Quotas
from zcasync.unpublished import Unpublished


@dataclass
class Standing(Unpublished):
    """What is left of one quota in a pass."""

    quota: Quota
    holders: dict[bytes, PartialRecord]
    begins: list[tuple[int, int]]
    taken: list[PartialRecord] = field(default_factory=list)  # by this pass
    kept: int = 0  # so many of them are recorded

    @property
    def is_full(self) -> bool:
        """True where no slot is left: one is when a holder ends."""
        limit = self.quota.limit
        return limit is not None and len(self.holders) + len(self.taken) >= limit

    @property
    def has_plenty(self) -> bool:
        """True where one that does not begin at once keeps no other one from its slot, most likely.

        Half of the slots stay free.
        """
        limit = self.quota.limit
        held = len(self.holders) + len(self.taken) + 1
        return self.quota.stored_rate is None and (limit is None or 2 * held <= limit)

    def next_begin(self) -> int | None:
        """Return the moment from which another one may begin by the rate; None: at once."""
        rate = self.quota.stored_rate
        if rate is None:
            return None
        number, period = rate
        free = number - sum(count for _, count in self.begins)
        for at, count in self.begins if free <= 0 else ():
            free += count
            if free > 0:
                return at + period
        return None

    def take(self, partial: PartialRecord, now: int) -> None:
        """Let a call hold a slot."""
        self.taken.append(partial)
        if self.quota.stored_rate is not None:
            self.begins = with_begin(self.begins, self.quota.stored_rate[1], now)

    def keep(self, now: int) -> None:
        """Record those that were taken, where that is not done.

        Begins that a clock has noted which was ahead are recorded as of now, or what waits for them
        would see them as of now time and again.
        """
        is_ahead = any(at > now for at, _ in self.quota.use.begins)
        if self.kept == len(self.taken) and not (is_ahead and self.begins):
            return
        self.kept = len(self.taken)
        taken = [partial._p_oid for partial in self.taken if partial._p_oid is not None]
        self.quota.use.keep(dict.fromkeys([*self.holders, *taken]), self.begins)


class Admission(Unpublished):
    """Admits calls with quotas in one pass.

    ``ahead``: how far the clock that all supervisors share is ahead of this machine's,
    microseconds: rates are kept by that.
    """

    def __init__(self, quotas: Quotas | None, ahead: int = 0) -> None:
        self._quotas = quotas
        self._ahead = ahead
        self._now = clock.now() + ahead
        self._standings: dict[str, Standing | None] = {}
        #: The names of the quotas that calls wait for.
        self._awaited: set[str] = set()

    @property
    def has_quotas(self) -> bool:
        """True where there are quotas, or were."""
        return self._quotas is not None and self._quotas.were_set

    def has_plenty(self, names: tuple[str, ...]) -> bool:
        """Return whether a call with these quotas may be claimed that waits for others to end."""
        standings = [standing for name in names if (standing := self._standing(name)) is not None]
        return all(standing.has_plenty for standing in standings)

    def has_room(self, names: tuple[str, ...]) -> bool:
        """Return whether a call with these quotas may be claimed now."""
        return self.ready_at(names) == 0

    def ready_at(self, names: tuple[str, ...]) -> int | None:
        """Return when a call with these quotas may be claimed, microseconds; 0: now.

        None: when one that holds a quota has ended.
        """
        moment: int | None = 0
        for name in names:
            standing = self._standing(name)
            begin = None if standing is None else standing.next_begin()
            if standing is not None and (standing.is_full or begin is not None):
                self._awaited.add(name)
            if standing is not None and standing.is_full:
                moment = None
            elif begin is not None and moment is not None:
                moment = max(moment, begin - self._ahead)
        return moment

    def if_scarce(self, names: tuple[str, ...]) -> int | None:
        """Return the same of calls that must not wait for others to end; None for all others."""
        return None if self.has_plenty(names) else self.ready_at(names)

    def if_plenty(self, names: tuple[str, ...]) -> int | None:
        """Return the same of calls that may wait for others to end; None for all others."""
        return self.ready_at(names) if self.has_plenty(names) else None

    def take(self, partial: PartialRecord) -> None:
        """Let a call that is claimed hold a slot of each of its quotas."""
        for name in partial.quotas:
            standing = self._standing(name)
            if standing is not None:
                standing.take(partial, self._now)

    def keep(self) -> None:
        """Record what was taken."""
        for standing in self._standings.values():
            if standing is not None:
                standing.keep(self._now)

    def watched(self, own: Any) -> set[bytes]:
        """Return the oids of the records that say when calls may go on that wait for a quota.

        Those of calls that ``own``, an incarnation, has claimed are left out: their ends are heard
        of by other ways.
        """
        found: set[bytes] = set()
        for name in self._awaited:
            standing = self._standings[name]
            assert standing is not None
            found.add(standing.quota._p_oid)
            if standing.is_full:
                found.add(standing.quota.use._p_oid)
                holders = standing.holders.items()
                found |= {oid for oid, partial in holders if partial.claim is not own}
        return found

    def _standing(self, name: str) -> Standing | None:
        """Return what is left of a quota; None: it limits nothing, nor ever has."""
        if name not in self._standings:
            quota = None if self._quotas is None else self._quotas.find(name)
            self._standings[name] = None if quota is None else self._of(quota)
        return self._standings[name]

    def _of(self, quota: Quota) -> Standing:
        holders = {partial._p_oid: partial for partial in quota.holders()}
        return Standing(quota, holders, quota.recent(self._now))
