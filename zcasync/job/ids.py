"""Ids of partials as people and programs write them: ``0x1a2b``, ``DBNAME:0x1a2b``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ZODB.POSException import POSKeyError, ReadConflictError

from zcasync.job.record import PartialRecord

#: Databases whose name an id leaves out.
NAMELESS = ("", "main", "unnamed")


def id_of(obj: Any) -> str:
    """Return the id of a stored object; ``DBNAME:`` leads where its database has a name."""
    name = obj._p_jar.db().database_name
    number = f"{int.from_bytes(obj._p_oid):#x}"
    return number if name in NAMELESS else f"{name}:{number}"


def hex_oid(oid: bytes) -> str:
    """Return an oid as ``0x1a2b``."""
    return f"{int.from_bytes(oid):#x}"


def parse(text: str) -> tuple[str, bytes]:
    """Return the database name ('' when none is given) and the oid.  Raises ValueError."""
    name, _, number = text.rpartition(":")
    try:
        value = int(number, 16)
        return name, value.to_bytes(8)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not an id such as 0x1a2b") from None


def name_of(partial: PartialRecord) -> str:
    """Return the name of a partial in the log: its id and its callable."""
    return f"job {hex_oid(partial._p_oid)} ({partial.callable_name})"


def look_up(connection: Any, text: str) -> PartialRecord:
    """Return the partial with an id, as the connection's transaction sees it.

    An id without a database's name is looked for in the connection's own database first.  Raises
    ValueError for a text that is no id, LookupError where there is no such partial.
    """
    name, oid = parse(text)
    others = []
    for one in _named(connection, name):
        try:
            found = one.get(oid)
        except (POSKeyError, ReadConflictError):  # the second: committed since it began
            continue
        if isinstance(found, PartialRecord):
            return found
        others.append(f"{type(found).__module__}.{type(found).__qualname__}")
    raise LookupError(
        f"{text} is no job but a {others[0]}"
        if others
        else f"there is no job {text}, as this transaction sees the database: its put was "
        "not committed before this transaction began, or it has ended and is kept no longer"
    )


def _named(connection: Any, name: str) -> Iterator[Any]:
    """Yield the connections to look in for an id that begins with this name."""
    databases = connection.db().databases
    if not name:
        yield connection
        for other in databases:
            if other in NAMELESS and other != connection.db().database_name:
                yield connection.get_connection(other)
    elif name in databases:
        yield connection.get_connection(name)
    else:
        raise LookupError(f"there is no database {name!r} beside {', '.join(sorted(databases))}")
