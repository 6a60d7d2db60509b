"""Entering: calls that are put are checked, all of them, and then wait in their queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial as partial_function
from typing import Any

from zope.event import notify

from zcasync.events import is_heard
from zcasync.formats import refuse_newer
from zcasync.interfaces import IJobPutEvent, JobPut
from zcasync.job.secret import hide
from zcasync.partial import Partial
from zcasync.queues.after import (
    NONE,
    After,
    members_of,
    ready_to_wait,
    require_predecessors,
    require_without_key,
)
from zcasync.queues.client_lane import append
from zcasync.queues.inherited import inherited
from zcasync.queues.joining import put_unique
from zcasync.queues.lane import BULK_PAGE_SIZE, PAGE_SIZE
from zcasync.queues.options import PutOptions, PutRequest, given_options
from zcasync.queues.put import Check
from zcasync.queues.quotas import require_quotas
from zcasync.retry.policy import use_policy


def _entered(
    queue: Any,
    items: Iterable[Any],
    begin_after: Any,
    begin_by: Any,
    options: Mapping[str, Any],
    size: int,
) -> list[Partial]:
    """Check all of what is put, and let it wait, on pages of this size; return the partials."""
    refuse_newer(queue.__parent__)
    given = given_options(begin_after, begin_by, options)
    after = After.of(given.pop("after", None), given.pop("on_failure", None)) if given else NONE
    partials, check = _checked(queue, items, given)
    if after.partials:
        require_predecessors(partials, after.partials, queue._p_jar)
    new: list[Partial] = []
    joined: list[Partial] = []
    for number, partial in enumerate(partials):
        own, context = check.options_of(partial), check.context_of(partial)
        is_alone = not after.partials and partial.members_gate is None
        if own.unique is None and is_alone:
            _record(queue, partial, own, context)
            new.append(partial)
            continue
        if not is_alone:
            require_without_key(partial, own)
            _record(queue, partial, own, context)
            _record_members(queue, partial, check)
            new += ready_to_wait(partial, after)
            continue
        record = partial_function(_record, queue, options=own, context=context)
        partials[number], is_new = put_unique(queue, partial, own, record)
        if is_new:
            new.append(partials[number])
        if partials[number] is not partial:
            joined.append(partials[number])
    if new:
        append(queue, new, size if len(new) <= len(partials) else BULK_PAGE_SIZE)
    tell_of_puts(queue, [one for one in partials if one not in joined] if joined else partials)
    return partials


def _checked(
    queue: Any,
    items: Iterable[Any],
    given: Mapping[str, Any],
    usual: Mapping[str, Any] | None = None,
) -> tuple[list[Partial], Check]:
    """Return the partials of what is put, with the members of flows checked, too.

    ``usual``: the options of those that say nothing else; None: the queue's.
    """
    usual = queue.defaults if usual is None else usual
    request = PutRequest(queue.__name__, usual, given, partial_function(require_quotas, queue))
    check = Check(request, queue._p_jar)
    partials = [check(item) for item in items]
    if not partials:
        _ = request.options  # raises where they are wrong
    if len(partials) > 1 and len({id(partial) for partial in partials}) < len(partials):
        raise ValueError("one of the items is there twice: make a new Partial for each call")
    for flow in [one for one in partials if one.members_gate is not None]:
        for member in members_of(flow):
            check(member)
            require_without_key(member, check.options_of(member))
    check.keep()
    return partials, check


def _record_members(queue: Any, partial: Partial, check: Check) -> None:
    """Let the members of a flow belong to the queue; they are held until it is started."""
    for member in members_of(partial):
        _record(queue, member, check.options_of(member), check.context_of(member))
        member.hold()


def enter_held(flow: Partial, items: Iterable[Any], options: Mapping[str, Any]) -> list[Partial]:
    """Let members of a flow belong to its queue, without a place there; return them.

    What neither these options say nor the callable, was said for the flow.
    """
    queue, given = flow.queue, given_options(None, None, options)
    partials, check = _checked(queue, items, given, inherited(flow))
    for partial in partials:
        require_without_key(partial, check.options_of(partial))
        _record(queue, partial, check.options_of(partial), check.context_of(partial))
        _record_members(queue, partial, check)
        partial.hold()
    tell_of_puts(queue, partials)
    return partials


def enter_one(
    queue: Any, item: Any, begin_after: Any, begin_by: Any, options: Mapping[str, Any]
) -> Partial:
    """Let a call wait in a queue; return its partial.  Raises as ``IPartialQueue.put``."""
    return _entered(queue, (item,), begin_after, begin_by, options, PAGE_SIZE)[0]


def enter_many(
    queue: Any, items: Iterable[Any], begin_after: Any, begin_by: Any, options: Mapping[str, Any]
) -> list[Partial]:
    """Let several wait, on longer pages than one by one; return their partials."""
    return _entered(queue, items, begin_after, begin_by, options, BULK_PAGE_SIZE)


def tell_of_puts(queue: Any, partials: list[Partial]) -> None:
    """Tell, in the caller's transaction, of what was put; an exception dooms that.

    Not of what a put has joined; of a flow, of its members as well.
    """
    if not is_heard(IJobPutEvent):
        return
    try:
        for partial in partials:
            for one in (partial, *members_of(partial)):
                notify(JobPut(one))
    except BaseException:
        if queue._p_jar is not None:
            queue._p_jar.transaction_manager.get().doom()
        raise


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
