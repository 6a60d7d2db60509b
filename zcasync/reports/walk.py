"""The walk through the jobs of a database, where a selection can find its own, many at a time.

Jobs are loaded some hundreds ahead, with one request to the storage: one by one, a hundred thousand
would take half a minute.
"""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.reports.job import Fields, release
from zcasync.reports.selection import Selection
from zcasync.zeo.bulk_load import load_all

T = TypeVar("T")

#: Records of workers are never fewer than the homes that there were: no listing looks at more.
MOST_WORKERS = 1000
#: So many jobs are loaded with the first request, and with any later one.
FIRST_PIECE = 20
PIECE = 500
#: Jobs that ended within this time of each other, microseconds, may not be kept in order.
DISORDER = 60_000_000


def walk(manager: Any, selection: Selection) -> Iterator[Any]:
    """Yield the partials that fit: claimed, then waiting, then finished ones, newest first.

    What is yielded belongs to the caller to let go (``reports.job.release``); what does not fit is
    let go here.
    """
    for one in candidates(manager, selection):
        if selection.fits(one):
            yield one
        else:
            release(one)


def candidates(manager: Any, selection: Selection) -> Iterator[Any]:
    """Yield the partials of the places where some may fit, each from one place or from two."""
    workers = chosen(manager, MOST_WORKERS)
    states = selection.states
    if states & {ACTIVE, CALLBACKS, COMPLETED}:
        for worker in workers:
            for name in selection.queues:
                yield from _ahead(getattr(worker, name), _itself)
                yield from getattr(worker, name).unreadable
    if PENDING in states:
        for name in selection.queues:
            yield from waiting(manager.queue(name))
    if COMPLETED in states:
        finished = (_finished(worker, selection.since) for worker in workers)
        yield from heapq.merge(*finished, key=ended_at, reverse=True)


def chosen(manager: Any, limit: int, first: uuid.UUID | None = None) -> list[Any]:
    """Return up to ``limit`` workers: the ``first``, then those with an engine, then others.

    Of very many only a part is looked at for that.
    """
    own = None if first is None else manager.workers.get(first)
    others = islice((one for one in manager.workers.values() if one is not own), MOST_WORKERS)
    in_order = sorted(others, key=lambda one: one.engine_bytes is None)
    return [*([] if own is None else [own]), *in_order][:limit]


def waiting(queue: Any) -> Iterator[Any]:
    """Yield what waits in a queue, broken records included.

    In the order of the due times, except that what no claimer has read yet comes in the order of
    the puts: to sort it, all of it would have to be loaded.
    """
    sources: list[Iterator[tuple[int, Any]]] = []
    for lane in queue.lanes().values():
        sources.append(_ahead(lane.unread(), _partial_of))
        sources += (_ahead(_filed(tree), _partial_of) for tree in (lane.filed or {}).values())
    for due, partial in heapq.merge(*sources, key=lambda entry: entry[0]):
        if broken(partial) is not None or queue.waits(partial, due):
            yield partial


def ended_at(partial: Any) -> int:
    """Return when a partial has ended, microseconds; 0 where it has not, or cannot be read."""
    fields = Fields(partial)
    return (fields["_ended"] or 0) if fields.is_readable else 0


def _finished(worker: Any, since: int | None) -> Iterator[Any]:
    """Yield what a worker has completed, newest first, and not much beyond ``since``."""
    for one in _ahead(worker.completed, _itself):
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


def _partial_of(entry: tuple[int, Any]) -> Any:
    return entry[1]


def _filed(tree: Any) -> Iterator[tuple[int, Any]]:
    return ((key[0], partial) for key, partial in tree.items())
