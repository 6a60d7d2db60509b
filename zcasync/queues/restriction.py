"""Restrictions: the keys of the trees in ``Lane.filed``, by which claimers find what they may run.

A key has the UUIDs of the workers that are selected and those that are excluded, as bytes; a third
part says that the partials in the tree are due at once.  In front of these may be the names of the
quotas that they need, and in front of all the name of the code that they lack.  Keys of one BTree
have to be comparable, so the exceptions have the form of the others.
"""

from __future__ import annotations

from typing import Any

from zcasync.job.field_types import is_uuid
from zcasync.job.record import PartialRecord

Restriction = tuple[Any, ...]
#: The third part, of trees whose partials do not wait for the times by which they are in order.
AT_ONCE = ((),)
#: Key of the tree for records that cannot be loaded: a restriction that no worker meets.
BROKEN = ((b"broken",), ())
#: The first word of the part in front, of trees whose partials lack some code.
ABSENT = b"absent"
#: The first word of the part in front, of trees whose partials need quotas.
QUOTA = b"quota"
#: Key of the tree of those of which nothing is known: whoever claims looks at them at once.
UNKNOWN = ((), (), *AT_ONCE)


def restriction_of(partial: PartialRecord) -> Restriction:
    """Return the key of the tree that a partial belongs in."""
    selected, excluded = partial.restriction
    quotas = partial.quotas
    needed = ((QUOTA, *(name.encode("utf-8", "replace") for name in quotas)),) if quotas else ()
    if partial.is_at_once:
        return *needed, selected, excluded, *AT_ONCE
    return (*needed, selected, excluded) if selected or excluded or quotas else ()


def absent_key(name: str, restriction: Restriction) -> Restriction:
    """Return the key of the tree of what lacks ``name`` and has this restriction."""
    return ((ABSENT, name.encode("utf-8", "replace")), *(restriction or ((), ())))


def is_absent(key: Restriction) -> bool:
    """Return whether this is the key of a tree whose partials lack some code."""
    return bool(key) and key[0][:1] == (ABSENT,)


def _without_code(key: Restriction) -> Restriction:
    return key[1:] if is_absent(key) else key


def quotas_in(key: Restriction) -> tuple[str, ...]:
    """Return the names of the quotas that the partials in the tree with this key need."""
    rest = _without_code(key)
    if not rest or rest[0][:1] != (QUOTA,):
        return ()
    return tuple(name.decode("utf-8", "replace") for name in rest[0][1:])


def restriction_in(key: Restriction) -> Restriction:
    """Return the key without the code that is lacking, and without quotas."""
    rest = _without_code(key)
    return rest[1:] if rest and rest[0][:1] == (QUOTA,) else rest


def is_at_once(key: Restriction) -> bool:
    """Return whether the partials in the tree with this key are due at once."""
    return restriction_in(key)[2:] == AT_ONCE


def is_key(key: Any) -> bool:
    """Return whether this can be the key of a tree, whatever its partials wait for."""
    if type(key) is not tuple or not all(type(part) is tuple for part in key):
        return False
    rest = restriction_in(key)
    if not all(type(word) is bytes for part in key[: len(key) - len(rest)] for word in part):
        return False
    if rest in ((), BROKEN):
        return True
    return 2 <= len(rest) <= 3 and rest[2:] in ((), AT_ONCE) and all(map(_are_workers, rest[:2]))


def _are_workers(part: tuple[Any, ...]) -> bool:
    return all(map(is_uuid, part))


def allows(restriction: Restriction, worker: bytes) -> bool:
    """Return whether the worker may run the partials of a tree."""
    if not restriction:
        return True
    selected, excluded = restriction[:2]
    return worker not in excluded and (not selected or worker in selected)
