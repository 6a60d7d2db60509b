"""The order in which a child does its jobs, when something urgent was put in front of others."""

from __future__ import annotations

from collections.abc import Iterable, Set


def in_order(before: Iterable[bytes], asked: Set[bytes], waiting: list[bytes]) -> list[bytes]:
    """Return the jobs of a child in the order in which it does them.

    ``waiting``: those, of the ones that it had when it was ``asked``, that it had not begun.
    """
    jobs = list(before)
    begun = [oid for oid in jobs if oid in asked and oid not in waiting]
    later = [oid for oid in jobs if oid not in asked]
    return [*begun, *(oid for oid in waiting if oid in jobs), *later]
