"""Inspection: the findings of one transaction.

A job is judged by its own record and by the places that were found for it, both of the same
transaction: so nothing is wrong only because work goes on meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from persistent import Persistent
from ZODB.POSException import POSKeyError, ReadConflictError

from zcasync.audit.counts import count_completed, count_deadlines, count_pages, queue_counts
from zcasync.audit.finding import Finding, Kind
from zcasync.audit.judging import is_ours, judge_place, lost_callbacks, unusable
from zcasync.audit.places import Places, find_places
from zcasync.audit.records import Records, find_jobs
from zcasync.audit.waiting import Waits
from zcasync.database.sync import last_seen
from zcasync.datamanager import DataManager
from zcasync.interfaces import CALLBACKS, COMPLETED
from zcasync.job.broken import broken
from zcasync.job.gate import counted_by, following_of
from zcasync.job.ids import hex_oid
from zcasync.job.loadable import get, why_unloadable
from zcasync.job.record import PartialRecord
from zcasync.salvage.salvage import DAMAGE, salvage
from zcasync.zeo.bulk_load import load_all

#: So many jobs are loaded at once, then the connection may forget them.
BATCH = 200

#: Told how far it is: what is looked at, how many are done, how many there are.
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Report:
    """The findings about a database.

    ``jobs``: so many were looked at; ``records``: so many there are, None where the storage cannot
    list them, so that only those jobs were found to which something leads.
    """

    findings: list[Finding]
    jobs: int
    records: int | None


def inspect(
    connection: Any,
    manager: DataManager,
    told: Told | None = None,
    jobs: Iterable[bytes] = (),
) -> Report:
    """Return what is wrong in the present transaction of the data manager's connection.

    ``jobs``: the oids of some to look at even where the storage cannot list its records.  Writes
    nothing.  Raises what the storage raises that cannot answer.
    """
    on_records = None if told is None else lambda done, total: told("records", done, total)
    records = find_jobs(connection.db(), last_seen(connection), on_records)
    known = Records(list(jobs)) if records is None else records
    inspection = begin(connection, manager)
    findings = list(inspection.judge_all(known, told))
    return Report(findings, inspection.count, None if records is None else records.count)


def begin(connection: Any, manager: DataManager) -> Inspection:
    """Return the inspection of what the present transaction sees.

    Where a part of the structures cannot be read, they are looked at as a salvage would leave them;
    the changes are those of this transaction.
    """
    with suppress(*DAMAGE):
        places = find_places(manager)
        if all(one.remedy is not None for one in places.unreadable):
            return Inspection(connection, places)
    lost = [Finding.of_loss(one) for one in salvage(connection)]
    places = find_places(manager)
    places.unreadable[:0] = lost
    return Inspection(connection, places)


class Inspection:
    """The inspection of what one transaction sees."""

    def __init__(self, connection: Any, places: Places) -> None:
        self.count = 0
        self._known: set[bytes] | None = None  # what says that it is a job, where that is known
        self._connection = connection
        self.places = places
        self._waits = Waits(places, connection.get)
        self.counts = queue_counts(places)

    def get(self, oid: bytes) -> Any:
        """Return an object of this transaction."""
        return self._connection.get(oid)

    def judge_all(self, records: Records, told: Told | None = None) -> Iterator[Finding]:
        """Yield all findings, about the jobs of these records and about what else is somewhere."""
        yield from self._judge_records(records)
        self._known = set(records.jobs) if records.count else None
        suspects: list[bytes] = []
        for partial in self._jobs(records.jobs, told):
            finding = self._judge(partial, suspects)
            self._add_to_counts(partial, is_loaded=broken(partial) is None)
            finding = finding or self._dangling(partial, records)
            if finding is not None:
                yield finding
        for oid in suspects:
            partial = get(self._connection, oid, PartialRecord)
            if not self._waits.is_carried(partial):
                yield lost_callbacks(partial)
        yield from self._judge_counts()

    def _judge_records(self, records: Records) -> Iterator[Finding]:
        """Yield what is damaged beside the jobs: what places lead to, what is in no place."""
        yield from self.places.unreadable
        named = {one.oid for one in self.places.unreadable}
        jobs = {*records.jobs, *self.places.partials}
        for oid, problem in records.damaged.items():
            if oid not in named and oid not in jobs:
                yield Finding(Kind.BROKEN, oid, hex_oid(oid), problem)
        for oid in records.others:
            damage = None if oid in named else self._problem_of(oid)
            if damage is not None:
                yield Finding(Kind.BROKEN, oid, hex_oid(oid), damage)

    def _problem_of(self, oid: bytes) -> str | None:
        """Return why a record cannot be loaded; None, too, where it is not there any more."""
        try:
            return why_unloadable(get(self._connection, oid, Persistent))
        except (POSKeyError, ReadConflictError):  # it came later, or was packed away meanwhile
            return None

    def judge_one(self, oid: bytes) -> Finding | None:
        """Return what is wrong with one job."""
        partial = self._load(oid)
        if partial is None:
            return None
        suspects: list[bytes] = []
        finding = self._judge(partial, suspects)
        if suspects:
            for other in self._jobs([]):  # whoever has another one may see to this one
                self._note(other)
            finding = None if self._waits.is_carried(partial) else lost_callbacks(partial)
        return finding

    def _jobs(self, known: Iterable[bytes], told: Told | None = None) -> Iterator[Any]:
        """Yield these partials, those that are somewhere, and those that they lead to, once."""
        seen = {*known, *self.places.partials}
        left = sorted(seen)
        while left:
            batch = left[-BATCH:]
            del left[-BATCH:]
            load_all(self._connection, batch)
            for partial in filter(None, map(self._load, batch)):
                self.count += 1
                yield partial
                for one in _leads_to(partial):
                    if one._p_oid not in seen:
                        seen.add(one._p_oid)
                        self.places.partials[one._p_oid] = one
                        left.append(one._p_oid)
            self._connection.cacheGC()
            if told is not None:
                told("jobs", len(seen) - len(left), len(seen))

    def _load(self, oid: bytes) -> Any:
        """Return a job; None for one that this transaction does not see."""
        found = self.places.partials.get(oid)
        if found is not None:
            return found
        try:
            return get(self._connection, oid, PartialRecord)
        except (POSKeyError, ReadConflictError):  # it came later, or was packed away meanwhile
            return None

    def _judge(self, partial: Any, suspects: list[bytes]) -> Finding | None:
        problem = unusable(partial)
        if problem is None and self._known is not None and partial._p_oid not in self._known:
            problem = "its record says that it is no job"  # children load it by that
        if problem is not None:
            kind = Kind.MISSING if "is missing" in problem else Kind.BROKEN
            where = self.places.text(partial._p_oid)
            text = f"{problem}, and it is {where}" if where else problem
            return Finding.about(partial, kind, text)
        if partial.waits_for is not None:
            return self._waits.judge(partial)
        self._note(partial)
        finding = judge_place(partial, self.places)
        if finding is None and partial.state == CALLBACKS and is_ours(partial, self.places):
            suspects.append(partial._p_oid)
        return finding

    def _note(self, partial: Any) -> None:
        if unusable(partial) is None and partial.state != COMPLETED:
            self._waits.note(partial)

    def _add_to_counts(self, partial: Any, is_loaded: bool) -> None:
        entries = self.places.waiting.get(partial._p_oid, ())
        for oid, count in self.counts.items():
            here = [one for one in entries if one.queue._p_oid == oid]
            if here:
                count.add(here, partial if is_loaded else None)

    def _dangling(self, partial: Any, records: Records) -> Finding | None:
        missing = records.dangling.get(partial._p_oid)
        if missing is None or partial.state == COMPLETED:
            return None  # what is over, and perhaps garbage, needs nothing any more
        names = ", ".join(map(hex_oid, missing))
        text = f"{partial.callable_name} refers to {names}, of which there is no record"
        return Finding.about(partial, Kind.MISSING, text)

    def _judge_counts(self) -> Iterator[Finding]:
        for count in self.counts.values():
            yield from count.findings()
            yield from count_pages(count.queue)
            yield from count_deadlines(count.queue)
        for worker in self.places.manager.workers.keepers:
            yield from count_completed(self.places, worker)


def _leads_to(partial: Any) -> Iterator[PartialRecord]:
    """Yield the partials that one leads to and that are not over for that."""
    if unusable(partial) is None and partial.state != COMPLETED:
        yield from partial.stored_callbacks
        if partial.waits_for is not None:
            yield partial.waits_for
        gate = counted_by(partial)
        if gate is not None:
            yield from filter(None, (gate.partial, following_of(partial)))
