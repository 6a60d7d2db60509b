"""Records that cannot be loaded, and are to be written anew: their references, a new state."""

from __future__ import annotations

import io
from typing import Any

from ZODB.broken import Broken
from ZODB.POSException import POSKeyError
from zodbpickle.fastpickle import Unpickler

from zcasync.errors import FOREIGN_CODE


def is_there(obj: Any) -> bool:
    """Return whether there is a record of an object, whatever it has."""
    try:
        obj._p_jar._storage.load(obj._p_oid)
    except POSKeyError:
        return False
    return True


def refill(obj: Any, state: Any) -> None:
    """Give an object whose record cannot be loaded this state; the next commit writes it.

    Where another process has written it meanwhile, that commit conflicts.
    """
    jar = obj._p_jar
    _, serial = jar._storage.load(obj._p_oid)

    def setstate(one: Any) -> None:
        one.__setstate__(state)
        one._p_serial = serial

    jar.setstate = setstate
    try:
        obj._p_activate()
    finally:
        del jar.setstate
    obj._p_changed = True


def restore(obj: Any) -> bool:
    """Give an object the state of an earlier revision of its record, where one can be loaded.

    The next commit writes it.  Return whether there was one.
    """
    jar = obj._p_jar
    for oid, _ in references(obj):
        if isinstance(jar._cache.get(oid), Broken):  # of a class that the damaged record names
            del jar._cache[oid]
    _, tid = jar._storage.load(obj._p_oid)
    while (found := jar.db().storage.loadBefore(obj._p_oid, tid)) is not None:
        tid = found[1]
        try:
            refill(obj, jar.oldstate(obj, tid))
        except FOREIGN_CODE:  # that one is damaged, too
            continue
        return True
    return False


def references(obj: Any) -> list[tuple[bytes, bool]]:
    """Return the oids that an object's record refers to, as far as it can be read.

    With each: whether that is without the class, which only the other record says.
    """
    if not is_there(obj):
        return []
    data, _ = obj._p_jar._storage.load(obj._p_oid)
    found: list[Any] = []
    unpickler = Unpickler(io.BytesIO(data))
    unpickler.persistent_load = found.append
    try:
        unpickler.noload()
        unpickler.noload()
    except FOREIGN_CODE:  # all that bytes raise that are no pickle, or not to their end
        pass
    oids = [(one, True) if isinstance(one, bytes) else (one[0], False) for one in found if one]
    return [(oid, is_bare) for oid, is_bare in oids if isinstance(oid, bytes) and len(oid) == 8]
