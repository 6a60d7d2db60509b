"""Ids of partials as people and programs write them: ``0x1a2b``, ``DBNAME:0x1a2b``."""

from __future__ import annotations

from typing import Any

from zcasync.job.record import PartialRecord


def id_of(obj: Any) -> str:
    """Return the id of a stored object; ``DBNAME:`` leads where its database has a name."""
    name = obj._p_jar.db().database_name
    number = f"{int.from_bytes(obj._p_oid):#x}"
    return number if name in ("", "main", "unnamed") else f"{name}:{number}"


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
