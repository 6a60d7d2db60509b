"""Absent code: the trees of a lane in which jobs wait for code that their worker did not have.

There is one for each name that is missing and each restriction to workers, among the trees of what
was filed.  No claimer takes from them as from the others: a worker looks with a single job whether
the code is there now, and takes all of them once it is.  So those who have the code and those who
have not do not hand jobs to and fro, and however many wait, a worker tries one for each name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Any

from zcasync import clock
from zcasync.job.aside import Missing
from zcasync.job.record import PartialRecord
from zcasync.queues.restriction import Restriction, absent_key, is_absent, restriction_of
from zcasync.zeo.bulk_load import load_all

#: One claim looks for no more names than this.
MOST_LOOKED_FOR = 10
#: To be counted so many jobs are loaded at once, and so many in all; then entries, no more than so.
PIECE, COUNTED, MOST_COUNTED = 100, 1000, 10_000


class Look(IntEnum):
    """What to take from the tree of a missing name."""

    NOTHING = 0
    ONE = 1  # it was not there, or is not known to this engine: one job shows that
    ALL = 2


#: Says what to take from the tree with a key.
Looks = Callable[[Restriction], Look]


def look_for_nothing(key: Restriction) -> Look:
    """Take nothing: for who has no process to make calls in."""
    return Look.NOTHING


def name_of(key: Restriction) -> str:
    """Return the name that is missing."""
    return key[0][1].decode()  # type: ignore[no-any-return]


def moments(partial: PartialRecord, key: Restriction) -> Iterator[int]:
    """Yield the moments at which a wait in the tree with this key is to be ended, microseconds."""
    if partial.begin_deadline is not None and not partial.was_begun:
        yield partial.begin_deadline
    if is_absent(key) and partial.aside is not None:
        yield partial.aside.until


def put_aside(lane: Any, partial: PartialRecord, missing: Missing, limit: int) -> None:
    """File a claimed partial in a lane until the code is there.  See ``PartialQueue.put_aside``."""
    partial.be_aside(missing, limit)
    now, key = clock.now(), absent_key(missing.name, restriction_of(partial))
    if partial.has_result:
        partial.disown()
        partial.resume_later(now)
        lane.count_gone(now, now)  # it is not counted as waiting
        lane.file(now, partial, key)
    else:
        partial.release()
        lane.file(partial.due, partial, key)


@dataclass
class Count:
    """The number of jobs that lack one name: those that wait, and those with callbacks left."""

    waiting: int = 0
    callbacks: int = 0


def count(queue: Any) -> dict[str, Count]:
    """Return how much is set aside in a queue, by the name that is missing.

    What was cancelled or pulled meanwhile is known only by a look at each; of very many all count.
    """
    found: dict[str, Count] = {}
    budget = COUNTED
    for lane in queue.lanes().values():
        for key, tree in (lane.filed or {}).items():
            if is_absent(key):
                one = found.setdefault(name_of(key), Count())
                budget -= _count(queue, tree, budget, one)
    return {name: one for name, one in found.items() if one.waiting or one.callbacks}


def _count(queue: Any, tree: Any, budget: int, found: Count) -> int:
    """Count what is in a tree; return how many of it were looked at."""
    entries, looked = iter(tree.items()), 0
    while looked < budget and (some := list(islice(entries, PIECE))):
        looked += len(some)
        if queue._p_jar is not None:
            load_all(queue._p_jar, [partial._p_oid for _, partial in some])
        for (due, _), partial in some:
            found.waiting += queue.waits(partial, due)
            found.callbacks += queue.has_callbacks_left(partial, due)
    found.waiting += sum(1 for _ in islice(entries, MOST_COUNTED))
    return looked
