"""Callables that return partials: chains, rings and orphans."""

from __future__ import annotations

from typing import Any

from persistent.list import PersistentList

from zcasync.partial import Partial


def link(partial: Partial, left: int, *ignored: Any) -> Any:
    """One link of a chain: put the next one in the same way, and return its partial."""
    if not left:
        return "the end"
    return partial.queue.put(Partial.bind(link, left - 1), batch=partial.is_batch)
