"""Quotas: those of a data manager, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from BTrees.OOBTree import OOBTree
from zope.interface import implementer

from zcasync import clock
from zcasync.interfaces import IQuotas
from zcasync.job.record import PartialRecord
from zcasync.queues.quota import Quota
from zcasync.queues.quota_option import require_name
from zcasync.unpublished import Unpublished


@implementer(IQuotas)
class Quotas(Unpublished):
    """See :class:`zcasync.interfaces.IQuotas`.

    ``manager``: its ``quota_table``, which has the removed ones too, is made with the first quota.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager

    def set(
        self,
        name: str,
        limit: int | None = None,
        rate: tuple[int, timedelta] | None = None,
    ) -> Quota:
        if not isinstance(name, str):
            raise TypeError(f"the name of a quota must be a str, not {type(name).__name__}")
        require_name(name)
        _require_limit(limit)
        stored = None if rate is None else _stored_rate(rate)
        if self._manager.quota_table is None:
            self._manager.quota_table = OOBTree()
        quota = self._table.get(name)
        if quota is None:
            quota = self._manager.quota_table[name] = Quota(name)
        quota.define(limit, stored)
        return quota  # type: ignore[no-any-return]

    def remove(self, name: str) -> None:
        self[name].remove()

    def holders(self, name: str) -> list[PartialRecord]:
        return list(self[name].holders())

    def find(self, name: str) -> Quota | None:
        """Return the quota with this name, a removed one too; None: there never was one."""
        return self._table.get(name)

    @property
    def were_set(self) -> bool:
        """True where there is a quota, or was one."""
        return self._manager.quota_table is not None

    def require(self, names: tuple[str, ...]) -> None:
        """Raise ValueError, with what to do, for the first of these names that no quota has."""
        for name in names:
            if name not in self:
                raise ValueError(self._unknown(name))

    @property
    def _table(self) -> Mapping[str, Quota]:
        table = self._manager.quota_table
        return {} if table is None else table

    def _unknown(self, name: str) -> str:
        nearest = get_close_matches(name, list(self), 1)
        meant = f"did you mean {nearest[0]!r}?  Else set it" if nearest else "set it"
        return (
            f"there is no quota {name!r}: {meant} with dm.quotas.set({name!r}, limit=...), or: "
            f"zcasync quota {name} --limit N"
        )

    def __getitem__(self, name: str) -> Quota:
        quota = self._table.get(name)
        if quota is None or quota.is_removed:
            raise KeyError(self._unknown(name))
        return quota

    def __iter__(self) -> Iterator[str]:
        return (name for name, quota in self._table.items() if not quota.is_removed)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        quota = self._table.get(name) if isinstance(name, str) else None
        return quota is not None and not quota.is_removed


def require_quotas(queue: Any, names: tuple[str, ...]) -> None:
    """Raise ValueError for the first of these names that no quota has, of the queue's manager."""
    quotas = quotas_of(queue)
    if quotas is not None:
        quotas.require(names)


def quotas_of(queue: Any) -> Quotas | None:
    """Return the quotas of a queue's data manager; None: it belongs to none."""
    return getattr(queue.__parent__, "quotas", None)


def _require_limit(limit: Any) -> None:
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be an int, or None, not {type(limit).__name__}")
    if not 0 <= limit < 2**31:
        raise ValueError(f"limit must be 0 (none may begin) or more, not {limit}")


def _stored_rate(rate: Any) -> tuple[int, int]:
    if not isinstance(rate, tuple) or len(rate) != 2:
        raise TypeError(f"rate must be a pair, (10, timedelta(seconds=1)), not {rate!r}")
    count, period = rate
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"the number of a rate must be an int, not {type(count).__name__}")
    if isinstance(period, bool) or not isinstance(period, timedelta | int | float):
        raise TypeError(
            f"the period of a rate must be a timedelta or seconds, not {type(period).__name__}"
        )
    try:
        span = period if isinstance(period, timedelta) else timedelta(seconds=period)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"the period of a rate is too long: {period}") from error
    if not 0 < count < 2**31:
        raise ValueError(f"the number of a rate must be 1 or more, not {count}")
    microseconds = span // clock.MICROSECOND
    if not 1000 <= microseconds <= 366 * 86_400_000_000:
        raise ValueError(f"the period of a rate must be a millisecond to a year, not {span}")
    return count, microseconds
