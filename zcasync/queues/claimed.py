"""Claimed: what one claim has found so far, and how much more it may examine."""

from __future__ import annotations

from dataclasses import dataclass, field

from zcasync.interfaces import PENDING
from zcasync.job.record import PartialRecord
from zcasync.queues.absent import MOST_LOOKED_FOR, Look, Looks, name_of
from zcasync.queues.admission import Admission
from zcasync.queues.restriction import Restriction, is_absent, quotas_in
from zcasync.unpublished import Unpublished

#: One claim examines no more entries than this, so that it ends soon in a long queue.
EXAMINE_LIMIT = 1000


@dataclass
class Claimed(Unpublished):
    """The result of one claim: partials to run; records that cannot be loaded, with the reason."""

    partials: list[PartialRecord] = field(default_factory=list)
    broken: list[tuple[PartialRecord, str]] = field(default_factory=list)
    examined: int = 0
    seen: set[int] = field(default_factory=set)  # one partial can have two entries
    passed_by: list[PartialRecord] = field(default_factory=list)  # whose place could be undone
    last_filed: dict[int, PartialRecord] = field(default_factory=dict)  # by lane, from its inbox
    looked_for: dict[str, PartialRecord] = field(default_factory=dict)  # missing name -> with which
    admission: Admission = field(default_factory=lambda: Admission(None))
    idle: int | None = None  # so many children have no job; None: jobs begin as they are claimed
    is_barred: bool = False  # by a partial that has to wait for a child without jobs

    def wants_more(self, limit: int) -> bool:
        """Return whether to examine more entries when up to ``limit`` partials are wanted."""
        return len(self.partials) < limit and self.examined < EXAMINE_LIMIT and not self.is_barred

    @property
    def is_prefetch(self) -> bool:
        """True where what is taken next waits in a child until another job has ended."""
        return self.idle is not None and len(self.partials) >= self.idle

    def admits(self, quotas: tuple[str, ...]) -> bool:
        """Return whether to take a partial with these quotas: there is a slot of each.

        One that is prefetched holds slots that others could use, so there have to be more.
        """
        if not quotas or not self.admission.has_room(quotas):
            return not quotas
        return not self.is_prefetch or self.admission.has_plenty(quotas)

    def may_look(self, key: Restriction, looks: Looks) -> bool:
        """Return whether to take one more partial from this tree."""
        if not key:
            return True
        if not self.admits(quotas_in(key)):
            return False
        if not is_absent(key) or looks(key) == Look.ALL:
            return True
        name = name_of(key)
        return name not in self.looked_for and len(self.looked_for) < MOST_LOOKED_FOR

    def add(self, partial: PartialRecord) -> None:
        """Add a partial to run, or to be ended."""
        self.partials.append(partial)
        self.seen.add(id(partial))
        if partial.quotas and partial.state == PENDING and not partial.is_too_late:
            self.admission.take(partial)
