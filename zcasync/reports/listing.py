"""Finding jobs to list, lazily: twenty jobs of a long queue must not cost more than of a short."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, TypeVar

from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.reports.job import Fields, release

T = TypeVar("T")

#: Records of workers are never fewer than the homes that there were: no listing looks at more.
MOST_WORKERS = 1000


def listing(
    manager: Any, state: str | None, queue: str | None, limit: int, form: Callable[[Any], T]
) -> list[T]:
    """Return up to ``limit`` partials as ``form`` has them: claimed, then waiting, then finished.

    No more than one of them is in memory at a time: anybody can put large arguments.
    """
    if manager is None:
        return []
    names = [queue] if queue else ["thread", "reactor"]
    found: list[tuple[int, T]] = []
    for one in _all(manager, state, names):
        if _is_wanted(one, state, queue):
            found.append((ended_at(one), form(one)))
        release(one)
        if len(found) >= limit:
            break
    # Those that ended within one poll pass of each other were not kept in order.
    return [shown for _, shown in sorted(found, key=lambda one: (one[0] > 0, -one[0]))]


def chosen(manager: Any, limit: int, first: uuid.UUID | None = None) -> list[Any]:
    """Return up to ``limit`` workers: the ``first``, then those with an engine, then others.

    Of very many only a part is looked at for that.
    """
    own = None if first is None else manager.workers.get(first)
    others = islice((one for one in manager.workers.values() if one is not own), MOST_WORKERS)
    in_order = sorted(others, key=lambda one: one.engine_bytes is None)
    return [*([] if own is None else [own]), *in_order][:limit]


def _all(manager: Any, state: str | None, names: list[str]) -> Iterator[Any]:
    workers = chosen(manager, MOST_WORKERS)
    if state != PENDING:
        for worker in workers:
            for name in names:
                yield from getattr(worker, name)
                yield from getattr(worker, name).unreadable
    if state in (None, PENDING):
        for name in names:
            yield from waiting(manager.queue(name))
    if state in (None, COMPLETED):
        yield from heapq.merge(
            *(worker.completed for worker in workers), key=ended_at, reverse=True
        )


def _is_wanted(partial: Any, state: str | None, queue: str | None) -> bool:
    fields = Fields(partial)
    if not fields.is_readable:
        return state is None
    if state is not None and fields["_state"] != state:
        return False
    return queue is None or fields["_queue"] is None or fields["_queue"].__name__ == queue


def waiting(queue: Any) -> Iterator[Any]:
    """Yield what waits in a queue, broken records included.

    In the order of the due times, except that what no claimer has read yet comes in the order of
    the puts: to sort it, all of it would have to be loaded.
    """
    sources: list[Iterator[tuple[int, Any]]] = []
    for lane in queue.lanes().values():
        sources.append(lane.unread())
        sources += map(_filed, (lane.filed or {}).values())
    for due, partial in heapq.merge(*sources, key=lambda entry: entry[0]):
        if broken(partial) is not None or queue.waits(partial, due):
            yield partial


def _filed(tree: Any) -> Iterator[tuple[int, Any]]:
    return ((key[0], partial) for key, partial in tree.items())


def claimed(worker: Any, limit: int | None = None) -> list[Any]:
    """Return the partials that are claimed according to a worker's record."""
    sequences = (worker.thread, worker.reactor)
    return list(islice((one for sequence in sequences for one in sequence), limit))


def ended_at(partial: Any) -> int:
    """Return when a partial has ended, microseconds; 0: it has not, or that cannot be read."""
    fields = Fields(partial)
    return (fields["_ended"] or 0) if fields.is_readable else 0
