"""A class that puts two changes of one object together."""

from __future__ import annotations

from typing import Any

from persistent import Persistent


class Counter(Persistent):
    count = 0

    def _p_resolveConflict(self, old: Any, saved: Any, new: Any) -> Any:
        return {"count": saved["count"] + new["count"] - old.get("count", 0)}
