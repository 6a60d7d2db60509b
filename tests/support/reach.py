"""Everything that can be reached from an object: by attributes, items, iteration and reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FunctionType, MethodType, ModuleType
from typing import Any

from persistent import Persistent

#: Methods without arguments that change nothing.
READERS = {
    "first",
    "items",
    "iter",
    "iterDue",
    "keys",
    "lanes",
    "last",
    "lists",
    "next_in_inbox",
    "notes",
    "unread",
    "values",
}
#: The beginning of the names that belong to persistence and to Python.
FOREIGN = ("_p_", "_v_", "__")
#: Twisted's Failure warns of this one.
DEPRECATED = "stack"
ENDS = (str, bytes, type, FunctionType, ModuleType)


def reach(start: Any) -> Iterator[Any]:
    """Yield an object and whatever our own objects, and containers, lead to from there."""
    seen: dict[int, Any] = {}
    unseen = [start]
    while unseen:
        one = unseen.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            yield one
            if is_ours(one):
                unseen += attributes(one)
            if hasattr(type(one), "__iter__") and not isinstance(one, ENDS):
                unseen += one.items() if isinstance(one, Mapping) else one


def is_ours(one: Any) -> bool:
    """Whether the object is of a class of ours."""
    return type(one).__module__.startswith("zcasync.") and not isinstance(one, ENDS)


def attributes(one: Any) -> Iterator[Any]:
    """The values of an object's attributes, and what its reading methods return."""
    if isinstance(one, Persistent):
        one._p_activate()  # what is not loaded has no attributes to be listed
    for name in dir(one):
        if name.startswith(FOREIGN) or name == DEPRECATED:
            continue
        value = getattr(one, name)
        if not isinstance(value, MethodType):
            yield value
        elif name in READERS:
            yield value()
