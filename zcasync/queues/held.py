"""Counting what is filed for later, without a walk through all that is filed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from typing import Any


def count_later(trees: Sequence[Any], now: int, total: int) -> int:
    """Return how many of the trees' entries are for later than ``now``, of ``total`` in all.

    Counts those or the other ones, whichever are fewer: a tree knows its length only by a walk.
    """
    later = chain.from_iterable(tree.keys((now + 1, 0)) for tree in trees)
    due = chain.from_iterable(tree.keys(None, (now + 1, 0)) for tree in trees)
    for number in count():
        if next(later, None) is None:
            return number
        if next(due, None) is None:
            return total - number
    raise AssertionError("one of them ends")
