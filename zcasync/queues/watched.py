"""Watched records: those that a put writes, so that their invalidations announce puts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from BTrees.OOBTree import OOBTree


def watched(lanes: Any) -> set[bytes]:
    """Return the oids of the records that a put into these lanes writes."""
    oids = set(tree_oids(lanes))
    for lane in lanes.values():
        oids.add(lane._p_oid)
        oids.add(lane.inbox.last._p_oid)
    return oids


def tree_oids(tree: Any) -> Iterator[bytes]:
    """Yield the oids of a BTree's records; None: there is no tree."""
    if tree is None:
        return
    if tree._p_oid is not None:
        yield tree._p_oid
    state = tree.__getstate__()
    if state is None or not isinstance(tree, OOBTree) or len(state) == 1:
        return
    for child in state[0][::2]:
        yield from tree_oids(child) if isinstance(child, OOBTree) else (child._p_oid,)
