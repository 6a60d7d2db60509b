"""Retire: jobs that children have completed leave the claims for the completed ones.

Each time costs a record of claims and a page of completed ones, however many jobs it is for, so
they wait for each other: jobs that come one by one would cost a fifth more bytes, and a commit more
each.  Nothing depends on it: such a job has ended, and an engine that takes over the work of a dead
one reads that in its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from zcasync.interfaces import COMPLETED
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.outcome import outcome_of
from zcasync.job.record import PartialRecord, protect
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.slots import Slot, Slots
from zcasync.workers.completed import Completed
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.bulk_load import load_all

#: So many retire at once,
RETIRE_COUNT = 8
#: and fewer after so long.
RETIRE_SECONDS = 0.25


@dataclass
class Sorted:
    """The claims of a slot: what stays, and what has ended, as its child has reported, or not."""

    kept: list[PartialRecord] = field(default_factory=list)
    reported: dict[bytes, PartialRecord] = field(default_factory=dict)
    unreported: list[PartialRecord] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of what has ended."""
        return len(self.reported) + len(self.unreported)


class Retiring:
    """Retires in the passes of one engine; ``seconds`` is the clock."""

    def __init__(self, incarnation: Incarnation, seconds: Callable[[], float]) -> None:
        self._incarnation = incarnation
        self._seconds = seconds
        self._since: float | None = None
        self._next: float | None = None  # the same once this pass is committed
        #: A child has reported a commit that a pass did not see: the next one has to catch up.
        self.is_behind = False

    def retire(
        self, slots: Slots, completed: Completed, *, is_last: bool, is_caught_up: bool = True
    ) -> int:
        """Drop what was returned or waits for another partial; retire what has ended, in its time.

        ``is_caught_up``: this pass sees all that was committed before it.  Returns how many have
        retired.
        """
        sorted_ = [(slot, self._sort(slot)) for slot in slots]
        at_once = is_last or any(found.unreported for _, found in sorted_)
        retires = self.is_time(sum(found.count for _, found in sorted_), at_once)
        self.is_behind = False
        over: list[tuple[Completion, PartialRecord]] = []
        for slot, found in sorted_:
            last = _load_last(slot, found) if retires else None
            if not retires or not (is_caught_up or self._sees(last)):
                ended = slot.report.completed.items()
                slot.unretired = {oid: when for oid, when in ended if oid in found.reported}
                found.kept[:0], found.reported, last = found.reported.values(), {}, None
            undone = _protect(slot, found, last)
            slot.claims.keep([*undone, *found.kept])
            over += [(slot.report.completed[oid], one) for oid, one in found.reported.items()]
            over += [
                (Completion(partial.ended_at or 0, outcome_of(partial)), partial)
                for partial in found.unreported
            ]
        if over:
            over.sort(key=lambda pair: pair[0].moment)
            outcomes = bytes(completion.outcome for completion, _ in over)
            completed.extend([partial for _, partial in over], outcomes)
        return len(over)

    def _sort(self, slot: Slot) -> Sorted:
        """Return what stays claimed and what has ended; let go of what waits for others."""
        found = Sorted()
        outstanding, completed = slot.report.outstanding, slot.report.completed
        for partial in slot.claims.items:
            if partial._p_oid in outstanding:
                found.kept.append(partial)
            elif partial._p_oid in completed:
                # Its child has seen the commit, so its record need not be loaded for this.
                found.reported[partial._p_oid] = partial
            elif partial.claim is not self._incarnation:
                continue
            elif not is_done(partial):
                found.kept.append(partial)
            elif partial.state == COMPLETED:
                found.unreported.append(partial)
            else:
                partial.rewrite()
        return found

    def _sees(self, last: PartialRecord | None) -> bool:
        """Return whether this pass sees the last commit that a child has reported."""
        if last is None or not _is_undone(last):
            return True
        self.is_behind = True
        self._next = self._seconds() - RETIRE_SECONDS  # at once, in a pass that has caught up
        return False

    def is_time(self, count: int, at_once: bool) -> bool:
        """Return whether ``count`` finished jobs are to be retired now.

        Safe to repeat when the pass has to be.
        """
        since = self._seconds() if self._since is None else self._since
        full = at_once or count >= RETIRE_COUNT or self._seconds() - since >= RETIRE_SECONDS
        self._next = None if full or not count else since
        return full

    def committed(self) -> None:
        """Note that the pass is committed for which ``is_time`` was called last."""
        self._since = self._next

    @property
    def delay(self) -> float:
        """The seconds until the next pass at the latest, for what is not retired now."""
        if self._next is None:
            return float("inf")
        return max(0.0, self._next + RETIRE_SECONDS - self._seconds())


def _protect(slot: Slot, found: Sorted, last: PartialRecord | None) -> list[PartialRecord]:
    """Let nothing that has ended what is to retire be undone; return what was undone before.

    ``last``: the last job that the child has reported; None: none.

    Each commit of a child protects the one before, so only the last one has to be looked at.  Where
    something is wrong with that, or a job has ended in another way, each is.
    """
    undone: list[PartialRecord] = []
    if last is not None:
        if found.unreported or _is_undone(last):
            undone = [one for one in found.reported.values() if _is_undone(one)]
            found.reported = {oid: one for oid, one in found.reported.items() if one not in undone}
            _protect_loadable(found.reported.values())
        elif slot.report.outstanding:
            _protect_loadable([last])  # the child writes the guard
        else:
            slot.claims.guard.write()
    _protect_loadable(found.unreported)
    return undone


def _load_last(slot: Slot, found: Sorted) -> PartialRecord | None:
    """Load the last job that a child has reported, and the guard; return it, None: it has none."""
    order = [oid for oid in slot.report.completed if oid in found.reported]
    if not order:
        return None
    guard = slot.claims.guard
    load_all(guard._p_jar, [order[-1], guard._p_oid])
    return found.reported[order[-1]]


def _protect_loadable(partials: Iterable[PartialRecord]) -> None:
    protect(partial for partial in partials if broken(partial) is None)


def _is_undone(partial: PartialRecord) -> bool:
    """Return whether a commit is gone by which nothing is left of a partial, as its child has said.

    That may be the one of a callback which came in the last moment, when the partial was completed.
    Where its record cannot be loaded here, because of its result for instance, that is believed.
    """
    return broken(partial) is None and not (partial.state == COMPLETED and is_done(partial))
