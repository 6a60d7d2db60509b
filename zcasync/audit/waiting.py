"""Waiting: jobs that wait for each other: rings, and results that nobody hands on.

A partial that waits for another one is in no list: the other one has a callback that hands its
result on.  Whoever runs that callback runs those of the partial that has waited, too.
"""

from __future__ import annotations

from collections.abc import Callable

from zcasync.audit.finding import Finding, Kind, Remedy
from zcasync.audit.judging import is_ours, is_resumed, right_claims, unusable
from zcasync.audit.places import Places
from zcasync.interfaces import COMPLETED
from zcasync.job.broken import broken
from zcasync.job.completion import waiter
from zcasync.job.ids import id_of
from zcasync.job.record import PartialRecord

_CANCEL = "zcasync cancel ends it"


class Waits:
    """The waits of one transaction."""

    def __init__(self, places: Places, get: Callable[[bytes], PartialRecord]) -> None:
        self._places = places
        self._get = get
        self._open: set[bytes] = set()  # no ring is behind these
        self._carried: set[bytes] = set()
        self._carriers: dict[bytes, list[bytes]] = {}  # who runs the callbacks of whom

    def note(self, partial: PartialRecord) -> None:
        """Note the partials whose callbacks are run together with those of this one."""
        for callback in partial.callbacks:
            waiting = None if broken(callback) is not None else waiter(callback)
            if waiting is not None:
                self._carriers.setdefault(waiting._p_oid, []).append(partial._p_oid)

    def is_carried(self, partial: PartialRecord) -> bool:
        """Return whether somebody runs the callbacks of a partial: who has it, or who has another.

        Partials that their application calls or has called are its own to see to.
        """
        came_from: dict[bytes, bytes] = {partial._p_oid: b""}
        left = [partial._p_oid]
        while left:
            oid = left.pop()
            one = self._get(oid)
            if unusable(one) is not None:
                continue
            if oid in self._carried or self._is_held(one):
                while oid:
                    self._carried.add(oid)
                    oid = came_from[oid]
                return True
            others = self._carriers.get(oid, ())
            for other in others if one.parent is None else (*others, one.parent._p_oid):
                if other not in came_from:
                    came_from[other] = oid
                    left.append(other)
        return False

    def _is_held(self, partial: PartialRecord) -> bool:
        is_own = partial.parent is None and not is_ours(partial, self._places)
        has_claim = bool(right_claims(partial, self._places))
        return is_own or has_claim or is_resumed(partial, self._places)

    def judge(self, partial: PartialRecord) -> Finding | None:
        """Return what is wrong with the wait of a partial for another one."""
        other = partial.waits_for
        assert other is not None
        problem = unusable(other)
        if problem is not None:
            text = f"{partial.callable_name} waits for a job that is of no use: {problem}"
            return Finding.about(partial, Kind.STUCK, text, advice=_CANCEL)
        if self._is_in_ring(partial):
            text = f"{partial.callable_name} waits, by way of {id_of(other)}, for itself"
            return Finding.about(partial, Kind.STUCK, text, advice=_CANCEL)
        return self._judge_handing_on(partial, other)

    def _judge_handing_on(self, partial: PartialRecord, other: PartialRecord) -> Finding | None:
        what = f"{partial.callable_name} waits for job {id_of(other)}"
        if other.state == COMPLETED:
            if right_claims(other, self._places):
                return None  # a callback has come at the last moment, and is still to be run
            # Without a queue of its own nobody would run its callbacks.
            may_adopt = is_ours(partial, self._places) or not partial.callbacks
            remedy = Remedy.ADOPT if may_adopt else None
            return Finding.about(partial, Kind.STUCK, f"{what}, which is over", remedy, _CANCEL)
        heirs = (waiter(one) for one in other.callbacks if broken(one) is None)
        if all(heir is not partial for heir in heirs):
            text = f"{what}, which does not know that"
            return Finding.about(partial, Kind.STUCK, text, Remedy.LISTEN, _CANCEL)
        return None

    def _is_in_ring(self, partial: PartialRecord) -> bool:
        """Return whether a partial waits for itself.  Each wait is followed once, however many."""
        path: list[bytes] = []
        on_path: set[bytes] = set()
        one: PartialRecord | None = partial
        while one is not None and one._p_oid not in self._open and broken(one) is None:
            if one._p_oid in on_path:
                is_ring = one is partial
                break
            path.append(one._p_oid)
            on_path.add(one._p_oid)
            one = one.waits_for
        else:
            is_ring = False
            self._open.update(path)
        return is_ring
