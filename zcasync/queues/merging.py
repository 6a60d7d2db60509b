"""Merging: one call's arguments are made of those of two."""

from __future__ import annotations

from typing import Any

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def merged(merge: Any, old: Arguments, new: Arguments) -> Arguments:
    """Return the arguments of both calls.

    ``merge``: "union", or a callable that is given the positional arguments of the old call and of
    the new one and returns those of one call.  Raises ValueError for what cannot be merged,
    TypeError where a callable returns no tuple, and what it raises.
    """
    if merge == "union":
        return _union_of(old, new)
    if old[1] != new[1]:
        raise ValueError(
            "merge is given the arguments by position, and those by keyword differ: "
            f"{sorted(old[1])} and {sorted(new[1])}"
        )
    args = merge(old[0], new[0])
    if not isinstance(args, tuple | list):
        raise TypeError(f"merge must return the arguments, a tuple, not {type(args).__name__}")
    return tuple(args), new[1]


def _union_of(old: Arguments, new: Arguments) -> Arguments:
    if len(old[0]) != len(new[0]):
        raise ValueError(
            f"merge='union' needs calls of as many arguments: {len(old[0])} and {len(new[0])}"
        )
    pairs = zip(old[0], new[0], strict=True)
    args = tuple(_union(number, *pair) for number, pair in enumerate(pairs))
    kwargs = {**old[1], **new[1]}
    for name in old[1].keys() & new[1].keys():
        kwargs[name] = _union(name, old[1][name], new[1][name])
    return args, kwargs


def _union(name: int | str, old: Any, new: Any) -> Any:
    """Return two values in one: sets, lists and mappings with what both have; else the same one."""
    if isinstance(old, set | frozenset) and isinstance(new, set | frozenset):
        return old | new
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **new}
    if isinstance(old, list | tuple) and type(old) is type(new):
        return type(old)([*old, *(one for one in new if one not in old)])
    if type(old) is type(new) and old == new:
        return new
    raise ValueError(
        f"merge='union' cannot merge argument {name!r}, {type(old).__name__} with "
        f"{type(new).__name__}: it merges sets, lists, tuples and dictionaries; give a callable"
    )
