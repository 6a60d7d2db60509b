"""Copies of plain values, which nobody else can change, and how much room such values take."""

from __future__ import annotations

from typing import Any

from zcasync.job.packed import PLAIN

#: The bytes that numbers, and all other plain values, take when pickled, about.
NUMBER_BYTES, OTHER_BYTES = 5, 40
#: Containers, which nobody can change or that hold what can be changed.
CONTAINERS = frozenset([list, tuple, dict, set, frozenset])


def copied(value: Any, known: dict[int, Any] | None = None) -> Any:
    """Return a plain value whose lists, dicts and sets are of its own; all else is the same.

    Stored objects stay what they are.  ``known``: the copies so far, by the ids of what they were
    made of, so that what was the same object in two places still is.
    """
    kind = type(value)
    if kind not in CONTAINERS or kind is frozenset:
        return value
    known = {} if known is None else known
    made = known.get(id(value))
    if made is None:
        made = known[id(value)] = _container(value, kind, known)
    return made


def _container(value: Any, kind: type, known: dict[int, Any]) -> Any:
    if kind is set:
        return set(value)
    if kind is dict:
        return {key: copied(one, known) for key, one in value.items()}
    if PLAIN.issuperset(map(type, value)):
        return list(value) if kind is list else value
    made = [copied(one, known) for one in value]
    if kind is list:
        return made
    is_changed = any(one is not other for one, other in zip(made, value, strict=True))
    return tuple(made) if is_changed else value


def weight(value: Any, limit: int) -> int:
    """Return about how many bytes a plain value takes when pickled, to just above ``limit``."""
    size, left = 0, [value]
    while left and size <= limit:
        one = left.pop()
        kind = type(one)
        if kind is str or kind is bytes:
            size += len(one) + NUMBER_BYTES
        elif kind is int:
            size += NUMBER_BYTES + one.bit_length() // 8
        elif kind in CONTAINERS:
            size += NUMBER_BYTES + len(one)
            if size <= limit:
                left += [*one, *one.values()] if kind is dict else one
        else:
            size += NUMBER_BYTES if kind is float or one is None else OTHER_BYTES
    return size
