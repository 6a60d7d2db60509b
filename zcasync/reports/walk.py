"""The walk through the jobs of a database, where a selection can find its own, many at a time.

Jobs are loaded some hundreds ahead, with one request to the storage: one by one, a hundred thousand
would take half a minute.
"""

from __future__ import annotations

import contextlib
import heapq
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from ZODB.POSException import POSKeyError

from zcasync import clock
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.job.completion import waiter
from zcasync.job.gate import counted_by, following_of
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.job.starting import has_started
from zcasync.queues.after import members_of
from zcasync.queues.lane_records import loaded_lanes
from zcasync.queues.priority import rank
from zcasync.queues.restriction import is_absent
from zcasync.reports.fields import Fields
from zcasync.reports.job import release
from zcasync.reports.selection import Selection
from zcasync.zeo.bulk_load import load_all

T = TypeVar("T")
#: Whether it is for later, and its rank, or its time.
Order = tuple[bool, int]

#: Records of workers are never fewer than the homes that there were: no listing looks at more.
MOST_WORKERS = 1000
#: So many jobs are loaded with the first request, and with any later one.
FIRST_PIECE = 20
PIECE = 500
#: Jobs that ended within this time of each other, microseconds, may not be kept in order.
DISORDER = 60_000_000


def walk(
    manager: Any, selection: Selection, seen: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """Yield the partials that fit: claimed, then waiting, then finished ones, newest first.

    ``seen()`` is called for each that is looked at.

    What is yielded belongs to the caller to let go (``reports.job.release``); what does not fit is
    let go here.
    """
    found: set[bytes] = set()  # one job can have two entries in its queue
    for one in candidates(manager, selection):
        seen()
        if one._p_oid not in found and selection.fits(one):
            found.add(one._p_oid)
            yield one
        else:
            release(one)


def candidates(manager: Any, selection: Selection) -> Iterator[Any]:
    """Yield the partials of the places where some may fit, each from one place or from two."""
    workers = chosen(manager, MOST_WORKERS)
    states, claimed = selection.states, _claimed(workers)
    held: set[bytes] = set()
    if states:
        for worker in workers:
            for name in selection.kinds:
                yield from _with_waiters(_ahead(getattr(worker, name), _itself), claimed, held)
                yield from getattr(worker, name).unreadable
    if states & {PENDING, ACTIVE, CALLBACKS}:
        only_aside = None if states & {PENDING, ACTIVE} else True
        for name in selection.queues(manager):
            entries = waiting(manager.queue(name), aside=only_aside)
            yield from _with_waiters(entries, claimed, held)
    if COMPLETED in states:
        former = manager.workers.former  # whose days overlap
        kept = [worker.completed for worker in workers]
        kept += [] if former is None else former.completed.buckets
        finished = (_finished(one, selection) for one in kept)
        yield from heapq.merge(*finished, key=ended_at, reverse=True)


def _claimed(workers: list[Any]) -> set[bytes]:
    """Return the oids of all that is claimed."""
    sequences = [one for worker in workers for one in (worker.thread, worker.reactor)]
    return {partial._p_oid for sequence in sequences for partial in sequence}


def _with_waiters(partials: Iterable[Any], claimed: set[bytes], held: set[bytes]) -> Iterator[Any]:
    """Yield each with those that wait for its result, which are claimed for a moment more at most.

    And with those that are held until it has ended; ``held``: such as were yielded before.  They
    are in no other list.
    """
    for one in partials:
        # Before it is let go.
        waiters = [found for found in _waiters(one, held) if found._p_oid not in claimed]
        yield one
        yield from waiters


def _waiters(partial: Any, held: set[bytes]) -> Iterator[Any]:
    """Yield the partials that wait for this one, and those that wait for them."""
    unseen = [partial]
    while unseen:
        one = unseen.pop()
        for callback in one.callbacks if broken(one) is None else ():
            found = waiter(callback) if broken(callback) is None else None
            if found is not None and broken(found) is None and found.waits_for is one:
                unseen.append(found)
                yield found
            for behind in _held_behind(callback):
                if behind._p_oid not in held:
                    held.add(behind._p_oid)
                    unseen.append(behind)
                    yield behind


def _held_behind(callback: Any) -> Iterator[Any]:
    """Yield what is held until the end is counted that this callback counts.

    With a flow that has not started, its members.
    """
    gate = counted_by(callback) if broken(callback) is None else None
    if gate is None or broken(gate.partial) is not None:
        return
    members = () if has_started(gate.partial) else members_of(gate.partial)
    for one in (gate.partial, following_of(callback), *members):
        if one is not None and broken(one) is None and one.is_held and one.state == PENDING:
            yield one


def chosen(manager: Any, limit: int, first: uuid.UUID | None = None) -> list[Any]:
    """Return up to ``limit`` workers: the ``first``, then those with an engine, then others.

    Of very many only a part is looked at for that.
    """
    own = None if first is None else manager.workers.get(first)
    others = islice((one for one in manager.workers.values() if one is not own), MOST_WORKERS)
    in_order = sorted(others, key=lambda one: one.engine_bytes is None)
    return [*([] if own is None else [own]), *in_order][:limit]


def waiting(queue: Any, *, aside: bool | None = None, by_time: bool = False) -> Iterator[Any]:
    """Yield what waits in a queue, broken records included.

    ``aside``: only what is set aside for want of code, or only the rest; None: both.

    What is due comes in the order in which workers take it, then the rest in that of the due times;
    ``by_time``: all in that.  Except that what no claimer has read yet comes in the order of the
    puts: to sort it, all of it would have to be loaded.
    """
    now, sources = clock.now(), list[Iterator[tuple[Order, int, Any]]]()
    for lane in loaded_lanes(queue):
        entries = [] if aside else [lane.unread()]
        trees = (lane.filed or {}).items()
        entries += [_filed(tree) for key, tree in trees if aside in (None, is_absent(key))]
        place = _order(now, 0 if by_time else lane.priority)
        sources += (_placed(some, place) for some in entries)
    # In order first, which needs no job: of a thousand lanes some jobs each would be very many.
    for _, due, partial in _ahead(heapq.merge(*sources, key=itemgetter(0)), _partial_of):
        if broken(partial) is not None or queue.waits(partial, due) or _lacks(queue, partial, due):
            yield partial


def _lacks(queue: Any, partial: Any, due: int) -> bool:
    """Return whether it has callbacks left that are set aside for want of code."""
    return partial.aside is not None and queue.has_callbacks_left(partial, due)


def load(connection: Any, oids: Iterable[bytes]) -> None:
    """Load partials, and the records of their callbacks, with few requests to the storage."""
    oids = list(oids)
    load_all(connection, oids)
    sidecars = []
    for oid in oids:
        with contextlib.suppress(POSKeyError):
            partial = get(connection, oid, PartialRecord)
            if broken(partial) is None and isinstance(partial, PartialRecord):
                sidecars.append(partial.stored_sidecar)
    load_all(connection, [one._p_oid for one in sidecars if one is not None])


def ended_at(partial: Any) -> int:
    """Return when a partial has ended, microseconds; 0 where it has not, or cannot be read."""
    fields = Fields(partial)
    return (fields["_ended"] or 0) if fields.is_readable else 0


def _finished(done: Any, selection: Selection) -> Iterator[Any]:
    """Yield completed partials, newest first, and not many from before the ``since``."""
    since = selection.since
    some = done.with_outcome(selection.outcomes) if selection.outcomes else done
    for one in _ahead(some, _itself):
        if since is not None and 0 < ended_at(one) < since - DISORDER:
            release(one)
            return
        yield one


def _ahead(entries: Iterable[T], partial_of: Callable[[T], Any]) -> Iterator[T]:
    """Yield the entries; their partials are loaded some at a time, ahead."""
    rest, size = iter(entries), FIRST_PIECE
    while piece := list(islice(rest, size)):
        partials = [partial_of(entry) for entry in piece]
        jar = partials[0]._p_jar
        if jar is not None:
            load_all(jar, [one._p_oid for one in partials if one._p_jar is jar])
        yield from piece
        size = PIECE


def _itself(partial: Any) -> Any:
    return partial


def _partial_of(entry: tuple[Order, int, Any]) -> Any:
    return entry[2]


def _order(now: int, priority: int) -> Callable[[int], Order]:
    """Return the function of a due time that says where such a priority stands."""
    return lambda due: (True, due) if due > now else (False, rank(due, priority))


def _placed(
    entries: Iterable[tuple[int, Any]], place: Callable[[int], Order]
) -> Iterator[tuple[Order, int, Any]]:
    return ((place(due), due, partial) for due, partial in entries)


def _filed(tree: Any) -> Iterator[tuple[int, Any]]:
    return ((key[0], partial) for key, partial in tree.items())
