"""Entering: calls that are put are checked, all of them, and then wait in their queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zcasync.job.secret import hide
from zcasync.partial import Partial
from zcasync.queues.client_lane import append
from zcasync.queues.lane import BULK_PAGE_SIZE, PAGE_SIZE
from zcasync.queues.options import PutOptions, PutRequest, given_options
from zcasync.queues.put import Check
from zcasync.retry.policy import use_policy


def _entered(
    queue: Any, items: Iterable[Any], begin_after: Any, begin_by: Any, options: Mapping[str, Any]
) -> list[Partial]:
    """Return the partials of what is put, once all of it is checked; each is recorded to wait."""
    given = given_options(begin_after, begin_by, options)
    check = Check(PutRequest(queue.__name__, queue.defaults, given), queue._p_jar)
    partials = [check(item) for item in items]
    if len(partials) > 1 and len({id(partial) for partial in partials}) < len(partials):
        raise ValueError("one of the items is there twice: make a new Partial for each call")
    check.keep()
    for partial in partials:
        _record(queue, partial, check.options_of(partial), check.context_of(partial))
    return partials


def enter_one(
    queue: Any, item: Any, begin_after: Any, begin_by: Any, options: Mapping[str, Any]
) -> Partial:
    """Let a call wait in a queue; return its partial.  Raises as ``IPartialQueue.put``."""
    partials = _entered(queue, (item,), begin_after, begin_by, options)
    append(queue, partials, PAGE_SIZE)
    return partials[0]


def enter_many(
    queue: Any, items: Iterable[Any], begin_after: Any, begin_by: Any, options: Mapping[str, Any]
) -> list[Partial]:
    """Let several wait, on longer pages than one by one; return their partials."""
    partials = _entered(queue, items, begin_after, begin_by, options)
    append(queue, partials, BULK_PAGE_SIZE)
    return partials


def _record(queue: Any, partial: Partial, options: PutOptions, context: Any) -> None:
    """Record in the partial that it waits here, with which options, and what is remembered."""
    if queue._p_jar is not None:
        queue._p_jar.add(partial)
    isolate = options.isolate
    batch = options.batch if options.batch is not None else queue.batch and not isolate
    partial.enter(
        queue,
        options.put,
        options.due,
        options.by,
        batch=batch,
        detached=options.detached,
        isolate=isolate,
        context=context,
        controls=options.controls,
    )
    if options.policy is not None:
        use_policy(partial, options.policy)
    if options.secret:
        hide(partial, options.secret)
