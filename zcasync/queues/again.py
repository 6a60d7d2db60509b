"""Again: partials that are over leave the worker that has completed them, and wait once more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from zcasync import clock
from zcasync.job.again import renew, require_over
from zcasync.job.record import PartialRecord
from zcasync.queues.client_lane import append
from zcasync.queues.flows_again import hold_in_order, with_members
from zcasync.queues.lane import BULK_PAGE_SIZE, PAGE_SIZE
from zcasync.queues.unique import hold_again, require_different, require_free


def again(queue: Any, partials: Collection[PartialRecord]) -> None:
    """See ``PartialQueue.put_again``."""
    together = with_members(partials)
    partials = together.values()
    for partial in partials:
        require_over(partial)
        require_free(queue, partial)
    require_different(partials)
    let_go(queue, partials)
    now = clock.now()
    for partial in partials:
        renew(partial)
        partial.enter(queue, now)
        hold_again(queue, partial)
    page_size = PAGE_SIZE if len(partials) == 1 else BULK_PAGE_SIZE
    append(queue, hold_in_order(together), page_size)


def let_go(queue: Any, partials: Collection[PartialRecord]) -> None:
    """Have the workers that have completed these partials keep them no longer.

    What a worker had completed when it was buried is kept by the one that has taken its work over.
    """
    by_worker: dict[UUID, list[PartialRecord]] = {}
    for partial in partials:
        if partial.claim is not None:
            by_worker.setdefault(partial.claim.worker, []).append(partial)
    if queue.__parent__ is None:
        return
    workers, left = queue.__parent__.workers, list[PartialRecord]()
    for name, held in by_worker.items():
        worker = workers.get(name)
        left += held if worker is None else worker.let_go(held)
    for worker in workers.values() if left else ():
        taken = worker.completed.take(left)
        left = [one for one in left if one._p_oid not in taken]
    if left and workers.former is not None:
        workers.former.let_go(left)
