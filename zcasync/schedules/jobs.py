"""The jobs of schedules: how they are put, and whether they are over.

Nothing of the application is loaded here: a supervisor does this.
"""

from __future__ import annotations

from functools import partial as partial_function
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync import clock
from zcasync.interfaces import COMPLETED
from zcasync.job.broken import broken
from zcasync.job.loadable import get
from zcasync.job.secret import hide
from zcasync.job.template import Template, partial_of, require_repeatable, template_of
from zcasync.partial import Partial
from zcasync.queues.client_lane import append
from zcasync.queues.options import PutRequest, given_options
from zcasync.queues.put import Check
from zcasync.queues.quotas import require_quotas
from zcasync.retry.policy import use_policy


def checked_call(
    queue: Any, call: Any, args: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Template, int | None]:
    """Return the call as it is stored, and its ``begin_by`` (microseconds; None: no limit).

    ``options``: those of a put.  Raises as ``IPartialQueue.put``, and ValueError for what cannot be
    put many times.
    """
    if args:
        if isinstance(call, Partial):
            raise TypeError(f"{call!r} has its arguments already: make them part of it")
        call = Partial(call, *args)
    for name in ("delay", "begin_after"):
        if options.get(name) is not None:
            raise ValueError(f"{name} is no option of a schedule, which says itself when")
    given = given_options(None, options.pop("begin_by", None), options)
    request = PutRequest(
        queue.__name__, queue.defaults, given, partial_function(require_quotas, queue)
    )
    check = Check(request, queue._p_jar)
    partial = check(call)
    own = check.options_of(partial)
    if own.unique is not None:
        raise ValueError(
            f"{partial.callable_name} is to be unique, which a schedule's jobs are not: with "
            'overlap="skip" one of them runs at a time'
        )
    require_repeatable(partial)
    check.keep()
    partial.keep_call()
    partial.enter(
        None,
        None,
        batch=queue.batch and not own.isolate if own.batch is None else own.batch,
        detached=own.detached,
        isolate=own.isolate,
        context=check.context_of(partial),
        controls=own.controls,
    )
    if own.policy is not None:
        use_policy(partial, own.policy)
    if own.secret:
        hide(partial, own.secret)
    return template_of(partial), own.by


def put(
    queue: Any, template: Template, by: int | None, scheduled: tuple[str, int], due: int
) -> Partial:
    """Put the call of a template; return its partial.

    ``scheduled``: the name of the schedule and the tick; ``due``: it begins not before this; both
    microseconds.  Raises DamagedRecord for what is no template.
    """
    partial = partial_of(Partial, template)
    now = clock.now()
    queue._p_jar.add(partial)
    partial.enter(
        queue,
        None if due > now else now,
        due if due > now else None,
        by,
        scheduled=scheduled,
    )
    append(queue, [partial])
    return partial


def find(jar: Any, oid: bytes) -> Partial | None:
    """Return a job that a schedule has put; None where it is gone or cannot be loaded."""
    try:
        found = get(jar, oid, Partial)
    except POSKeyError:
        return None
    return found if isinstance(found, Partial) and broken(found) is None else None


def is_over(jar: Any, oid: bytes) -> bool:
    """Return whether nothing is left to be done for a job: it has ended, or is gone."""
    partial = find(jar, oid)
    return partial is None or partial.state == COMPLETED or partial.queue is None
