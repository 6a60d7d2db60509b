"""Fields: the stored attributes of one partial, read from a healthy record or a broken one."""

from __future__ import annotations

from typing import Any

from ZODB.broken import Broken

from zcasync import clock
from zcasync.job.broken import broken, state_of_stand_in
from zcasync.job.callables import dotted
from zcasync.job.record import PartialRecord
from zcasync.job.values import Boxed


class Fields:
    """The stored attributes of a partial, also of one whose class cannot be imported."""

    def __init__(self, partial: Any) -> None:
        self.partial = partial
        self.problem = broken(partial)
        self._state = state_of_stand_in(partial) if isinstance(partial, Broken) else {}
        self.is_readable = self.problem is None or bool(self._state)

    def __getitem__(self, name: str) -> Any:
        if self.problem is None:
            return getattr(self.partial, name)
        default = getattr(PartialRecord, name)
        return self._state.get(name, None if isinstance(default, property) else default)

    def has(self, name: str) -> bool:
        """Return whether a record whose class cannot be imported has this attribute."""
        return name in self._state

    @property
    def call(self) -> Any:
        """The callable as it is stored; where it is packed, itself.  Loads no box."""
        if self.problem is None and isinstance(self.partial.stored_callable, Boxed):
            return self.partial.stored_callable
        return self["_call"]

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with what stands for those that are boxed.  Loads no box."""
        if self.problem is None:
            args, kwargs = self.partial.argument_forms
        else:
            args, kwargs = self["_args"], self["_kwargs"]
        return tuple(args or ()), dict(kwargs or {})

    @property
    def callable_name(self) -> str | None:
        """The dotted name of the callable; None where it cannot be read."""
        return (self["_name"] or dotted(self.call)) if self.is_readable else None

    @property
    def scheduled(self) -> dict[str, Any] | None:
        """The schedule that has put it, and the moment of the tick; None: none has."""
        found = self["_scheduled"]
        if found is None:
            return None
        return {"name": found[0], "tick": clock.nearest_datetime(found[1]).isoformat()}

    @property
    def due(self) -> int | None:
        """When it may begin, microseconds; None for one that was put in no queue.

        One that is due at once is due by now, whatever the clock of its client has said.
        """
        put: int | None = self["_put"]
        due: int | None = self["_due"]
        if due is None:
            return None if put is None else min(put, clock.now())
        return due if put is None else max(put, due)
