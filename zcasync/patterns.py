"""Ready-made patterns: a call that needs a certain environment, and one for every worker."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.partial import Partial

#: The time that a partial whose check has failed waits before another worker may check.
DELAY = timedelta(seconds=5)


def where(
    check: Callable[[], bool],
    call: Callable[..., Any],
    /,
    *args: Any,
    delay: timedelta = DELAY,
    **kwargs: Any,
) -> Partial:
    """Return a partial that runs ``call`` on a worker on which ``check()`` is true.

    Put it in a queue.  On a worker where the check is false it moves on: a new partial that
    excludes this worker too is put with ``delay``, and its result becomes the first one's.  When
    the check has failed on all running workers they may check again, until the first one's
    ``begin_by``.  Workers that were selected or excluded stay so.  Both callables must be
    importable.  ``delay``: TypeError for what is no timedelta, ValueError for a negative one.
    """
    if not isinstance(delay, timedelta):
        raise TypeError(f"delay must be a datetime.timedelta, not {type(delay).__name__}")
    if delay < timedelta(0):
        raise ValueError(f"delay must not be negative: {delay}")
    inner = Partial(call, *args, **kwargs)
    return Partial.bind(run_where, Partial(check), inner, delay.total_seconds())


def run_where(
    outer: Partial,
    check: Partial,
    inner: Partial,
    delay: float,
    failed: tuple[uuid.UUID, ...] = (),
) -> Any:
    """Run ``inner``'s call here, or return a partial that checks on another worker.

    ``failed``: the workers, among those that ``outer`` excludes, on which the check has failed.
    """
    if check.callable():
        return inner.callable(*inner.args, **inner.kwargs)
    queue, claim = outer.queue, outer.claim
    if queue is None or claim is None:
        raise BadStateError("a partial made by where() must be put in a queue")
    excluded = set(outer.excludedUUIDs) - set(failed)
    passed_by = {*failed, claim.worker}
    if passed_by >= _candidates(queue, outer) - excluded:
        passed_by = set()
    again = Partial.bind(run_where, check, inner, delay, tuple(sorted(passed_by)))
    again.selectedUUIDs.update(outer.selectedUUIDs)
    again.excludedUUIDs.update(excluded | passed_by)
    wait, begin_by = timedelta(seconds=delay), None
    if outer.begin_deadline is not None:  # the whole journey has one deadline
        left = max(0, outer.begin_deadline - clock.now()) * clock.MICROSECOND
        wait = min(wait, left)
        begin_by = left - wait
    queue.put(
        again,
        begin_by=begin_by,
        delay=wait,
        batch=outer.is_batch,
        retry=outer.retry_policy,
        isolate=outer.is_isolated,
        priority=outer.priority,
        secret=outer.secret,
        quota=[
            name for name in outer.quotas if name in queue.__parent__.quotas
        ],  # one may be removed
        soft_limit=outer.soft_limit,
        hard_limit=outer.hard_limit,
    )
    return again


def _candidates(queue: Any, partial: Partial) -> set[uuid.UUID]:
    """Return the running workers among those that are selected for a partial."""
    return {
        worker.UUID
        for worker in queue.__parent__.workers.values()
        if worker.engineUUID is not None
        and (not partial.selectedUUIDs or worker.UUID in partial.selectedUUIDs)
    }


def broadcast(
    queue: Any, call: Callable[..., Any], /, *args: Any, only_running: bool = True, **kwargs: Any
) -> list[Partial]:
    """Put one partial of the call for every worker; return the partials.

    ``only_running``: leave out workers that no engine serves now.
    """
    partials = []
    for worker in queue.__parent__.workers.values():
        if worker.engineUUID is not None or not only_running:
            partial = Partial(call, *args, **kwargs)
            partial.selectedUUIDs.add(worker.UUID)
            partials.append(queue.put(partial))
    return partials
