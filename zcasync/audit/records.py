"""Records: the jobs among all records of a storage, whether anything leads to them or not.

Of each record only the class is read, and of jobs the references; no state of an application is
loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ZODB.interfaces import IStorageIteration
from ZODB.POSException import POSKeyError
from ZODB.serialize import referencesf
from ZODB.utils import get_pickle_metadata, p64, u64, z64

from zcasync.errors import FOREIGN_CODE
from zcasync.job.record import PartialRecord
from zcasync.zeo.bulk_load import lists_records

#: ``told`` is called again after so many records.
TOLD_EACH = 500

#: (oid, serial, data)
Record = tuple[bytes, bytes, bytes]


@dataclass
class Records:
    """The jobs that were found, of ``count`` records.

    ``dangling``: job -> what it refers to and is not there.
    """

    jobs: list[bytes] = field(default_factory=list)
    dangling: dict[bytes, list[bytes]] = field(default_factory=dict)
    #: All other records of ours, whatever they are.
    others: list[bytes] = field(default_factory=list)
    #: Records that are no pickles, of whatever class: oid -> what is wrong.
    damaged: dict[bytes, str] = field(default_factory=dict)
    count: int = 0


def find_jobs(
    db: Any, seen: bytes | None, told: Callable[[int, int], None] | None = None
) -> Records | None:
    """Return the jobs among all records; None where the storage cannot list its records.

    ``seen``: the last transaction that counts for references; None: they are not looked at.
    ``told(done, all)`` is called now and then.
    """
    records = _records(db.storage)
    if records is None:
        return None
    names, total = _names(), len(db.storage)
    found, known = Records(), set()
    unknown: dict[bytes, list[bytes]] = {}
    jobs: set[bytes] = set()
    others: set[bytes] = set()
    for oid, serial, data in records:
        found.count += 1
        known.add(oid)
        _forget(oid, jobs, others, found.damaged)  # what an earlier revision was
        if told is not None and found.count % TOLD_EACH == 0:
            told(found.count, max(total, found.count))
        if not data:
            continue
        try:
            kind, references = get_pickle_metadata(data), referencesf(data)
        except FOREIGN_CODE as error:  # all that bytes raise that are no pickle
            found.damaged[oid] = f"its record is damaged: {type(error).__name__}: {error}"
            continue
        if kind in names:
            jobs.add(oid)
            if seen is not None and serial <= seen:
                unknown[oid] = [one for one in references if one not in known]
        elif kind[0].startswith("zcasync."):
            others.add(oid)
    found.jobs, found.others = sorted(jobs), sorted(others)
    for oid, references in unknown.items():
        missing = [one for one in references if one not in known]
        if missing:
            found.dangling[oid] = missing
    return found


def _forget(oid: bytes, *places: Any) -> None:
    for place in places:
        if oid in place:
            place.pop(oid) if isinstance(place, dict) else place.remove(oid)


def _names() -> set[tuple[str, str]]:
    """Return the classes of jobs, as records name them: those that this process has imported."""
    kinds, left = set(), [PartialRecord]
    while left:
        kind = left.pop()
        kinds.add((kind.__module__, kind.__qualname__))
        left += kind.__subclasses__()
    return kinds


def _records(storage: Any) -> Iterator[Record] | None:
    if lists_records(storage):
        return _in_order(storage)
    if IStorageIteration.providedBy(storage):
        return _as_written(storage)
    return None


def _in_order(storage: Any) -> Iterator[Record]:
    """Yield the newest of each record, one request each."""
    oid: bytes | None = None
    while True:
        try:
            found, serial, data, following = storage.record_iternext(oid)
        except POSKeyError:  # its creation was undone
            following = p64(u64(oid or z64) + 1)
        except ValueError:  # nothing is behind it
            return
        else:
            yield found, serial, data
        if following is None:
            return
        oid = following


def _as_written(storage: Any) -> Iterator[Record]:
    """Yield every revision, the newest of a record last."""
    for transaction in storage.iterator():
        for record in transaction:
            if record.data is not None:
                yield record.oid, record.tid, record.data
