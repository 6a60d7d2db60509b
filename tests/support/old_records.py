"""A database as a development version of zcasync before 0.1 left it, written record by record.

The module paths and attributes are those of real records of that version: classes that are
somewhere else now, and no ``record_format``.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

from ZODB.Connection import TransactionMetaData
from ZODB.utils import p64, z64

#: The oid of the partial that waits in the thread queue.
WAITING = p64(9)
WORKER = bytes(range(16))


@dataclass(frozen=True)
class Kind:
    """A class by its module and name, whether it exists or not."""

    module: str
    name: str


@dataclass(frozen=True)
class Reference:
    """A persistent reference."""

    number: int


ROOT = Kind("persistent.mapping", "PersistentMapping")
TREE = Kind("BTrees.OOBTree", "OOBTree")
RECORDS: dict[int, tuple[Kind, Any]] = {
    0: (ROOT, {"data": {"zc.async.datamanager": Reference(1)}}),
    1: (
        Kind("zcasync.datamanager", "DataManager"),
        {"thread": Reference(2), "reactor": Reference(3), "workers": Reference(4)},
    ),
    2: (
        Kind("zcasync.queues", "PartialQueue"),
        {"__parent__": Reference(1), "__name__": "thread", "_lanes": Reference(5)},
    ),
    3: (
        Kind("zcasync.queues", "PartialQueue"),
        {"__parent__": Reference(1), "__name__": "reactor", "_lanes": Reference(6)},
    ),
    4: (
        Kind("zcasync.workers", "Workers"),
        {"__parent__": Reference(1), "_workers": Reference(7)},
    ),
    5: (TREE, ((((z64 + z64, Reference(10)),),),)),
    6: (TREE, None),
    7: (TREE, ((((WORKER, Reference(8)),),),)),
    8: (Kind("zcasync.workers", "Worker"), {"_uuid": WORKER, "ping": Reference(11)}),
    9: (
        Kind("zcasync.partial", "Partial"),
        {"_call": "_operator:add", "_args": (1, 2), "_queue": Reference(2), "_due": 1},
    ),
    10: (Kind("zcasync.lanes", "Lane"), {"page": Reference(12), "inbox": Reference(13)}),
    11: (Kind("zcasync.incarnation", "Ping"), {"at": 1, "monotonic": 1.0, "promise": 40.0}),
    12: (
        Kind("zcasync.lanes", "Page"),
        {"dues": [0], "partials": [Reference(9)], "base": 1},
    ),
    13: (Kind("zcasync.lanes", "Inbox"), {"last": Reference(12)}),
}


class Pickler(pickle._Pickler):  # type: ignore[name-defined,misc]
    """Writes classes that do not exist."""

    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, Reference):
            return None
        return p64(value.number), RECORDS[value.number][0]

    def save_kind(self, kind: Kind) -> None:
        """Write the name, and do not look for the class."""
        self.write(pickle.GLOBAL + f"{kind.module}\n{kind.name}\n".encode())

    dispatch[Kind] = save_kind


def record(kind: Kind, state: Any) -> bytes:
    """The bytes of a record."""
    file = io.BytesIO()
    for part in (kind, state):
        Pickler(file, 3).dump(part)
    return file.getvalue()


def write_old_records(storage: Any) -> None:
    """Fill a storage that is empty."""
    transaction = TransactionMetaData(description="written by an old version")
    storage.tpc_begin(transaction)
    for number, (kind, state) in RECORDS.items():
        storage.store(p64(number), z64, record(kind, state), "", transaction)
    storage.tpc_vote(transaction)
    storage.tpc_finish(transaction)
