"""Quota: a named limit on calls that run at once, and on how many begin in a time.

It is two records, so that operators and claimers seldom meet: the :class:`Quota` has the limits,
and only operators write it; the :class:`QuotaUse` has what was claimed, and only claims write that.

No slot is ever given back.  A call holds its slots while it is claimed and its record says that it
runs, so its end, its release, a rescue, or an undo frees them in that very commit.

Why never more than ``limit`` hold a quota: every claim of a call with it writes its ``QuotaUse``,
so of two claims that do not see each other one conflicts, and is repeated on what the other one has
left.  A claim that is committed has therefore seen all claims before it, and all calls among them
that held a slot then: none of those begins to hold one again but by a claim, which would have been
a conflict.  That others have ended meanwhile, unseen, only leaves a slot empty for a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

from persistent import Persistent
from ZODB.POSException import POSKeyError
from zope.interface import implementer

from zcasync.interfaces import IQuota
from zcasync.job.acts import Act, are_acts, with_act
from zcasync.job.broken import broken
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_bool,
    is_count,
    is_duration,
    is_moment,
    is_text,
    needs,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished
from zcasync.zeo.bulk_load import load_all

#: A period has so many grains; begins in one of them are kept as one.
GRAINS = 20


def _is_oid(value: Any) -> bool:
    return type(value) is bytes and len(value) == 8


def _is_grain(value: Any) -> bool:
    return type(value) is tuple and len(value) == 2 and is_moment(value[0]) and is_count(value[1])


def _is_rate(value: Any) -> bool:
    return (
        type(value) is tuple
        and len(value) == 2
        and is_count(value[0])
        and is_duration(value[1])
        and value[0] > 0
        and value[1] > 0
    )


class QuotaUse(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The calls that hold a quota, and when the last of them were claimed.

    ``holders``: oids, some of calls that hold nothing any more; ``begins``: pairs of a moment, of
    the last one, and a number, in the order of time.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        "holders": tuple_of(_is_oid),
        "begins": tuple_of(_is_grain),
    }

    holders: tuple[bytes, ...] = ()
    begins: tuple[tuple[int, int], ...] = ()

    def keep(self, holders: Iterable[bytes], begins: Iterable[tuple[int, int]]) -> None:
        """Record a claim.  Writes in any case: two claims must not both be committed unseen."""
        self.holders = tuple(holders)
        if self.begins != (kept := tuple(begins)):
            self.begins = kept


@implementer(IQuota)
class Quota(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.IQuota`.

    One that is removed keeps its record, and claims go on to be noted in it: when it is set again
    it counts those that run.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        "name": is_text,
        "limit": optional(is_count),
        "_rate": optional(_is_rate),
        "use": stored("zcasync.queues.quota.QuotaUse"),
        "is_removed": is_bool,
        "acts": are_acts,
        ALL: needs("name", "use"),
    }

    limit: int | None = None
    _rate: tuple[int, int] | None = None
    is_removed = False
    acts: tuple[Act, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name
        self.use = QuotaUse()

    @property
    def rate(self) -> tuple[int, timedelta] | None:
        if self._rate is None:
            return None
        return self._rate[0], timedelta(microseconds=self._rate[1])

    @property
    def stored_rate(self) -> tuple[int, int] | None:
        """The rate, with its period in microseconds."""
        return self._rate

    def define(self, limit: int | None, rate: tuple[int, int] | None) -> None:
        """Set the limits; writes nothing where they are these."""
        found = {"limit": limit, "_rate": rate, "is_removed": False}
        for name, value in found.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    def remove(self) -> None:
        """Limit nothing any more."""
        self.define(None, None)
        self.is_removed = True

    def note_act(self, who: str, what: str) -> None:
        """Note what an operator has done to it, now."""
        self.acts = with_act(self.acts, who, what)

    def holders(self) -> Iterator[PartialRecord]:
        """Yield the calls that hold a slot."""
        jar, oids = self._p_jar, self.use.holders
        if jar is None:
            return
        load_all(jar, oids)
        for oid in oids:
            try:
                partial = get(jar, oid, PartialRecord)
            except POSKeyError:
                continue
            if holds(partial):
                yield partial

    def recent(self, now: int) -> list[tuple[int, int]]:
        """Return the begins that count for the rate at a moment, microseconds.

        Those of a clock that was ahead count as of now.
        """
        if self._rate is None:
            return []
        since = now - self._rate[1]
        return [(min(at, now), count) for at, count in self.use.begins if at > since]


def holds(partial: Any) -> bool:
    """Return whether a call that was claimed holds the slots of its quotas.

    One that waits for another partial has made its call; one that failed and is to be attempted
    again later is claimed anew for that.
    """
    return (
        broken(partial) is None
        and partial.is_unfinished
        and partial.claim is not None
        and partial.retry_at is None
    )


def with_begin(begins: list[tuple[int, int]], period: int, now: int) -> list[tuple[int, int]]:
    """Return these begins and one more, now; those of one grain of time count as the last."""
    grain = max(1, period // GRAINS)
    if begins and begins[-1][0] // grain == now // grain:
        return [*begins[:-1], (now, begins[-1][1] + 1)]
    return [*begins, (now, 1)]
