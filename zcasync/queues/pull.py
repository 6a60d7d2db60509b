"""The pull: taking one waiting partial out of a queue, by its place or as a worker would.

It leaves the partial's entry behind, which no longer says the truth, so that the partial's record
is all on which it meets a claimer.  Claimers pass by such entries; where there are none, whoever
has had to pass by many himself takes them away.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from zcasync import clock
from zcasync.partial import Partial
from zcasync.queues.forget import forget_passed
from zcasync.queues.holder import LaneHolder
from zcasync.queues.order import Waiting
from zcasync.queues.restriction import BROKEN, allows, restriction_in

#: So many entries may be passed by before they are taken away.
PASSED_LIMIT = 50


class Withdrawing(LaneHolder, Protocol):
    """The interface of a queue to a pull."""

    withdraw: Callable[[Any], Partial]


def pull(queue: Withdrawing, index: int) -> Partial:
    """Pull by place.  See ``PartialQueue.pull``."""
    waiting = Waiting(queue, backwards=index < 0)
    for partial in islice(waiting, -1 - index if index < 0 else index, None):
        if waiting.passed > PASSED_LIMIT:
            forget_passed(queue)
        return queue.withdraw(partial)
    raise IndexError(f"the queue has no partial number {index}")


def pull_next(queue: Withdrawing, worker: bytes) -> Partial | None:
    """Pull what this worker may run next.  See ``PartialQueue.pullNext``."""
    waiting = Waiting(
        queue,
        until=clock.now(),
        allowed=lambda key: key != BROKEN and allows(restriction_in(key), worker),
    )
    found, others = None, 0
    for partial in waiting:
        if partial.may_run_on(worker):
            found = partial
            break
        others += 1
    if waiting.passed + others > PASSED_LIMIT:
        forget_passed(queue, worker)
    return None if found is None else queue.withdraw(found)
