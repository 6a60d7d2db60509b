"""The claims of a worker: an ordered list for each child, and the number of jobs at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from persistent import Persistent
from zope.interface import implementer

from zcasync.errors import FullError
from zcasync.interfaces import ISizedSequence
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_count,
    is_seconds,
    is_stored,
    needs,
    optional,
    stored,
    tuple_of,
)
from zcasync.job.record import PartialRecord
from zcasync.unpublished import Unpublished
from zcasync.workers.undo_guard import UndoGuard


class Size(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """One number in a record of its own."""

    _field_types: ClassVar[dict[str, Check]] = {
        "value": is_count,
        ALL: needs("value"),
    }

    def __init__(self, value: int) -> None:
        self.value = value


class ClaimList(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """The partials that are claimed for one child, in the order in which they will run.

    ``guard``: the record that every commit of the child writes.
    """

    _field_types: ClassVar[dict[str, Check]] = {
        "items": tuple_of(is_stored),
        "mark": optional(is_seconds),
        "deaths": is_count,
        "guard": stored("zcasync.workers.undo_guard.UndoGuard"),
        ALL: needs("guard"),
    }

    items: tuple[PartialRecord, ...] = ()
    mark: float | None = None  # of the pass that has written it last, a moment of its machine
    deaths = 0  # of children whose jobs were recovered; shows whether a commit in doubt succeeded

    def __init__(self) -> None:
        self.guard = UndoGuard()

    def keep(self, items: Iterable[PartialRecord]) -> None:
        """Keep only these of the items; write nothing where all are kept."""
        kept = tuple(items)
        if len(kept) != len(self.items):
            self.items = kept


@implementer(ISizedSequence)
class SizedSequence(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.ISizedSequence`."""

    _field_types: ClassVar[dict[str, Check]] = {
        "_lists": tuple_of(stored("zcasync.workers.claims.ClaimList")),
        "unreadable": tuple_of(is_stored),
        "_size": stored("zcasync.workers.claims.Size"),
        ALL: needs("_size"),
    }

    _lists: tuple[ClaimList, ...] = ()
    #: Claimed, and in quarantine because their records cannot be loaded, until an engine starts.
    unreadable: tuple[PartialRecord, ...] = ()

    def __init__(self, size: int) -> None:
        self._size = Size(size)

    @property
    def size(self) -> int:
        return self._size.value  # type: ignore[no-any-return]

    @size.setter
    def size(self, value: int) -> None:
        self._set_size(value)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "size":  # Persistent would mark this record as changed too
            self._set_size(value)
        else:
            super().__setattr__(name, value)

    def _set_size(self, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"size must be an int, not {type(value).__name__}")
        if value < 0:
            raise ValueError(f"size must not be negative: {value}")
        if value != self._size.value:
            self._size.value = int(value)

    @property
    def size_record(self) -> Size:
        """The record that holds the size."""
        return self._size

    @size_record.setter
    def size_record(self, value: Size) -> None:
        self._size = value

    def replace_list(self, number: int, claims: ClaimList) -> None:
        """Let another claim list be in the place of one whose record is missing."""
        self._lists = (*self._lists[:number], claims, *self._lists[number + 1 :])

    @property
    def size_oid(self) -> bytes | None:
        """The oid of the record that holds the size."""
        return self._size._p_oid  # type: ignore[no-any-return]

    def readmit_unreadable(self) -> None:
        """Return what is in quarantine to the claim lists: perhaps it can be loaded now."""
        if self.unreadable:
            self.lists(1)[0].items += self.unreadable
            self.unreadable = ()

    def lists(self, count: int = 0) -> tuple[ClaimList, ...]:
        """Return the claim lists, at least ``count`` of them; make those that are missing."""
        if len(self._lists) < count:
            self._lists += tuple(ClaimList() for _ in range(count - len(self._lists)))
        return self._lists

    def __len__(self) -> int:
        return sum(len(one.items) for one in self._lists)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[PartialRecord]:
        for one in self._lists:
            yield from one.items

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __contains__(self, item: object) -> bool:
        return any(claimed is item for claimed in self)

    def index(self, item: PartialRecord) -> int:
        for position, claimed in enumerate(self):
            if claimed is item:
                return position
        raise ValueError(f"{item!r} is not claimed here")

    def add(self, item: PartialRecord) -> None:
        if len(self) >= self.size:
            raise FullError(f"{self.size} of {self.size} are claimed")
        shortest = min(self.lists(1), key=lambda one: len(one.items))
        if shortest.items and len(self._lists) < self.size:  # a size may be any number
            shortest = self.lists(len(self._lists) + 1)[-1]
        shortest.items += (item,)

    def remove(self, item: PartialRecord) -> None:
        for one in self._lists:
            if any(claimed is item for claimed in one.items):
                one.items = tuple(claimed for claimed in one.items if claimed is not item)
                return
        raise ValueError(f"{item!r} is not claimed here")
