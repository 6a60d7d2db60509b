"""LaneHolder: the interface of a queue to the code that works on its lanes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from zcasync.queues.lane import Lane


class LaneHolder(Protocol):
    """The interface of a queue to the code that works on its lanes."""

    _p_jar: Any
    _p_oid: Any

    def lanes(self) -> Mapping[bytes, Lane]:
        """Return the lanes by key."""

    def lane(self, key: bytes, priority: int = 0) -> Lane:
        """Return the lane with this key, made now, for this priority, where there is none."""

    def waits(self, partial: Any, due: int) -> bool:
        """Return whether an entry is true: its partial waits here, for this time."""

    def has_callbacks_left(self, partial: Any, due: int) -> bool:
        """Return whether an entry means that callbacks are left to be run, since this time."""
