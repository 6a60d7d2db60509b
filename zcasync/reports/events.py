"""Events: what becomes of jobs and workers, found by comparing the records with what was seen.

A job is loaded when it comes to the head of a claim list, when its record was written, and when it
has ended: never while nothing happens to it.  The first unfinished job of a child's list is the one
that it is at; the others are only reserved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync import clock
from zcasync.interfaces import CALLBACKS, COMPLETED, PENDING
from zcasync.job.loadable import get
from zcasync.job.outcome import CANCELLED_TYPE
from zcasync.job.record import PartialRecord
from zcasync.reports.job import looks_like_job, release, summary
from zcasync.reports.listing import listing
from zcasync.reports.selection import Selection
from zcasync.reports.walk import MOST_WORKERS, chosen

Heard = list[frozenset[bytes]] | None

INTERRUPTED = "zcasync.errors.AbortedError"
#: So many jobs that ended are looked for at a time, and so many are remembered.
MOST_ENDED, MOST_TOLD = 10_000, 20_000
#: A commit that ends a waiting job writes no more records than these.
MOST_OF_A_CANCEL = 50


@dataclass(frozen=True)
class Event:
    """One event: its name, its moment (microseconds), the job or the worker, and why."""

    name: str
    moment: int
    job: str | None = None
    call: str | None = None
    worker: str | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the event as ``tail --json`` has it."""
        at = clock.to_datetime(self.moment).isoformat()
        named = {"job": self.job, "call": self.call, "worker": self.worker}
        return {"event": self.name, "time": at, **named, "reason": self.reason}


def outcome(failure: str | None) -> str:
    """Return how a job has ended, by the type of its failure: completed, failed or cancelled."""
    if failure is None:
        return "completed"
    return "cancelled" if failure == CANCELLED_TYPE else "failed"


@dataclass
class Seen:
    """A job that was claimed, and has not ended as far as was seen."""

    partial: Any
    worker: str
    is_held: bool = True
    is_started: bool = False


class Jobs:
    """Follows the jobs of a database; the first look tells nothing."""

    def __init__(self) -> None:
        self._began = clock.now()
        self._is_first = True
        self._connection: Any = None
        self._followed: dict[bytes, Seen] = {}
        self._told: dict[bytes, None] = {}  # the jobs whose end was told, in that order
        self._attempts: dict[bytes, int] = {}  # job -> the moment of the attempt told last
        self._newest: dict[bytes, bytes | None] = {}  # worker -> its job that ended last

    def look(self, connection: Any, manager: Any, heard: Heard) -> list[Event]:
        """Return what has happened since the last call, in order.

        ``heard``: the oids that each commit has written meanwhile; None: not known.
        """
        if manager is None:
            return []
        if connection is not self._connection:
            self._move_to(connection)
        workers = chosen(manager, MOST_WORKERS)
        held = self._follow(workers)
        events = [*self._changed(held, heard), *self._begun(workers), *self._ended(workers)]
        events += self._cancelled(connection, manager, held, heard or [])
        if self._is_first:
            events, self._is_first = [], False
        _forget(self._told, MOST_TOLD)
        _forget(self._attempts, MOST_TOLD)
        return sorted(events, key=lambda one: one.moment)

    def _move_to(self, connection: Any) -> None:
        """Follow the same jobs in another connection: the database was opened anew."""
        self._connection = connection
        for oid, seen in list(self._followed.items()):
            try:
                seen.partial = connection.get(oid)
            except POSKeyError:
                del self._followed[oid]

    def _follow(self, workers: list[Any]) -> set[bytes]:
        """Follow what is claimed now; return the oids of that."""
        held = set()
        for worker in workers:
            for partial in (*worker.thread, *worker.reactor):
                held.add(partial._p_oid)
                if partial._p_oid not in self._told and partial._p_oid not in self._followed:
                    self._followed[partial._p_oid] = Seen(partial, str(worker.UUID))
        return held

    def _changed(self, held: set[bytes], heard: Heard) -> Iterator[Event]:
        """Yield what became of jobs that were written, or are claimed no longer."""
        written = None if heard is None else frozenset().union(*heard)
        for oid, seen in list(self._followed.items()):
            has_left = seen.is_held and oid not in held
            seen.is_held = oid in held
            if has_left or written is None or oid in written:
                yield from self._check(seen)

    def _begun(self, workers: list[Any]) -> Iterator[Event]:
        """Yield the starts: of the first job of each child that has not ended, of reactor jobs."""
        lists = [(one.items, True) for worker in workers for one in worker.thread.lists()]
        lists += [(tuple(worker.reactor), False) for worker in workers]
        for items, is_in_order in lists:
            for partial in items:
                seen = self._followed.get(partial._p_oid)
                if seen is not None and not seen.is_started:
                    yield from self._check(seen)
                if partial._p_oid not in self._followed:
                    continue
                seen = self._followed[partial._p_oid]
                if not seen.is_started:
                    seen.is_started = True
                    yield self._event("started", summary(partial), clock.now(), seen.worker)
                if is_in_order:
                    break

    def _check(self, seen: Seen) -> Iterator[Event]:
        """Yield the attempts of a job that failed, and its end; forget it where it is over."""
        oid, found = seen.partial._p_oid, summary(seen.partial)
        yield from self._failed_attempts(seen, found)
        state = found.get("state")
        if state in (CALLBACKS, COMPLETED):
            if not seen.is_started and found["started"]:
                moment = _microseconds(found["started"])
                yield self._event("started", found, moment, seen.worker)
            yield from self._end(seen.partial, found, seen.worker)
        if state in (None, PENDING, CALLBACKS, COMPLETED):
            self._followed.pop(oid, None)
        release(seen.partial)

    def _failed_attempts(self, seen: Seen, found: dict[str, Any]) -> Iterator[Event]:
        oid = seen.partial._p_oid
        for one in found.get("attempts_history") or ():
            moment = _microseconds(one["time"])
            if moment > self._attempts.get(oid, self._began):
                self._attempts[oid] = moment
                seen.is_started = False
                yield self._event("retried", found, moment, seen.worker, _why(one))

    def _end(self, partial: Any, found: dict[str, Any], worker: str | None) -> Iterator[Event]:
        """Yield the end of a job unless it was told."""
        oid = partial._p_oid
        if oid in self._told:
            return
        self._told[oid] = None
        if found.get("state") is not None and found["ended"]:
            moment = _microseconds(found["ended"])
            reason = _kind(found["failure"])
            yield self._event(outcome(found["failure"]), found, moment, worker, reason)

    def _ended(self, workers: list[Any]) -> Iterator[Event]:
        """Yield the ends of jobs that have come to the completed ones."""
        for worker in workers:
            before, key = self._newest.get(worker.UUID.bytes), worker.UUID.bytes
            for number, partial in enumerate(islice(worker.completed, MOST_ENDED)):
                if number == 0:
                    self._newest[key] = partial._p_oid
                if partial._p_oid == before or self._is_first:
                    break
                if partial._p_oid in self._told:
                    continue
                found = summary(partial)
                release(partial)
                if not found.get("ended") or _microseconds(found["ended"]) < self._began:
                    break
                yield from self._start_and_end(partial, found, str(worker.UUID))

    def _start_and_end(self, partial: Any, found: dict[str, Any], worker: str) -> Iterator[Event]:
        seen = self._followed.pop(partial._p_oid, Seen(partial, worker))
        yield from self._failed_attempts(seen, found)
        if found["started"] and not seen.is_started:
            yield self._event("started", found, _microseconds(found["started"]), worker)
        yield from self._end(partial, found, worker)

    def _cancelled(
        self, connection: Any, manager: Any, held: set[bytes], heard: list[frozenset[bytes]]
    ) -> Iterator[Event]:
        """Yield the ends of jobs that waited: a commit counts that on a lane, and adds no entry."""
        lanes = [one for queue in manager.queues.values() for one in queue.lanes().values()]
        counting = {lane._p_oid for lane in lanes}
        for oids in heard:
            if counting.isdisjoint(oids) or len(oids) > MOST_OF_A_CANCEL:
                continue
            if not any(
                lane.inbox.last._p_oid in oids and lane.inbox.last.partials for lane in lanes
            ):
                for oid in oids - counting - held - self._told.keys():
                    yield from self._end_of(connection, oid)

    def _end_of(self, connection: Any, oid: bytes) -> Iterator[Event]:
        try:
            partial = get(connection, oid, PartialRecord)
        except POSKeyError:
            return
        if looks_like_job(partial):
            found = summary(partial)
            if found.get("state") in (CALLBACKS, COMPLETED) and found["queue"] is not None:
                yield from self._end(partial, found, None)
            release(partial)

    def _event(
        self,
        name: str,
        found: dict[str, Any],
        moment: int,
        worker: str | None,
        reason: str | None = None,
    ) -> Event:
        return Event(name, moment, found["id"], found.get("callable"), worker, reason)


def _forget(seen: dict[bytes, Any], most: int) -> None:
    """Drop the oldest of too many."""
    for oid in list(islice(seen, max(0, len(seen) - most))):
        del seen[oid]


def _kind(failure: str | None) -> str | None:
    """Return the type of a failure as people know it."""
    return failure and failure.removeprefix("builtins.").removeprefix("zcasync.errors.")


def _why(attempt: dict[str, Any]) -> str:
    """Return why an attempt has failed; an interruption says all itself."""
    is_told = attempt["type"] == INTERRUPTED
    return str(attempt["message"]) if is_told else f"{_kind(attempt['type'])}: {attempt['message']}"


def _microseconds(moment: str) -> int:
    return clock.from_datetime(datetime.fromisoformat(moment), "time")


def last_ends(manager: Any, count: int) -> list[Event]:
    """Return the ends of the last jobs, the newest one last."""
    found = listing(manager, Selection(state=COMPLETED), count, summary)
    return [
        Event(
            outcome(one["failure"]),
            _microseconds(one["ended"]),
            one["id"],
            one["callable"],
            None,
            _kind(one["failure"]),
        )
        for one in reversed(found)
        if one.get("ended")
    ]
