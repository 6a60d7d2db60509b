"""PartialQueue: partials that wait, spread over lanes (see :mod:`zcasync.queues.lane`)."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from types import FunctionType
from typing import Any

from BTrees.OOBTree import OOBTree
from persistent import Persistent
from zope.interface import implementer

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING, IDataManagerPartial, IPartialQueue
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.placement import is_bare, require_placed, require_plain, twin
from zcasync.job.views import uuid_bytes
from zcasync.partial import Partial, as_partial
from zcasync.queues.claim import Access, Claimed, claim, next_due
from zcasync.queues.client_lane import FIRST, append, own_lane
from zcasync.queues.lane import BROKEN, BULK_PAGE_SIZE, Lane, restriction_of
from zcasync.retry.policy import stored_name

#: For so long whoever ends a partial that waits has its callbacks for itself.
RESUME_MICROSECONDS = 15_000_000


@implementer(IPartialQueue)
class PartialQueue(Persistent):  # type: ignore[misc]
    """See :class:`zcasync.interfaces.IPartialQueue`."""

    batch = False

    def __init__(self, manager: Any = None, name: str = "") -> None:
        self.__parent__ = manager
        self.__name__ = name
        self._lanes = OOBTree()
        self._lanes[FIRST] = Lane()

    # for applications

    def put(
        self,
        item: Any,
        begin_after: datetime | None = None,
        begin_by: timedelta | None = None,
        **options: Any,
    ) -> Partial:
        due, by = _due(begin_after), _microseconds(begin_by)
        partial = self._checked(item, **options)
        self._enter(partial, due, by, **options)
        append(self, [(due, partial)])
        return partial

    def put_many(
        self,
        items: Iterable[Any],
        begin_after: datetime | None = None,
        begin_by: timedelta | None = None,
        **options: Any,
    ) -> list[Partial]:
        due, by = _due(begin_after), _microseconds(begin_by)
        known: dict[Any, Partial] = {}  # functions that were checked once
        partials = [self._checked_once(item, known, **options) for item in items]
        if len({id(partial) for partial in partials}) < len(partials):
            raise ValueError("one of the items is there twice: make a new Partial for each call")
        for partial in partials:
            self._enter(partial, due, by, **options)
        append(self, [(due, partial) for partial in partials], BULK_PAGE_SIZE)
        return partials

    def pull(self, index: int = 0) -> Partial:
        waiting = reversed(list(self)) if index < 0 else self
        place = -1 - index if index < 0 else index
        for partial in islice(waiting, place, None):
            return self.withdraw(partial)
        raise IndexError(f"the queue has no partial number {index}")

    def pullNext(self, uuid: uuid.UUID) -> Partial | None:
        found = self.claim(uuid_bytes(uuid), 1).partials
        if not found:
            return None
        if found[0].state != PENDING:  # only its callbacks are left, for workers
            self.look_after(found[0])
            return self.pullNext(uuid)
        found[0]._queue = None
        return found[0]

    def iterDue(self) -> Iterator[Partial]:
        now = clock.now()
        return (partial for partial in self if (partial._due or 0) <= now)

    def __iter__(self) -> Iterator[Partial]:
        sources = [source for lane in self._lanes.values() for source in lane.entries()]
        time = -1
        seen: set[Partial] = set()
        for due, partial in heapq.merge(*sources, key=lambda entry: entry[0]):
            if due != time:
                time, seen = due, set()  # a partial with two true entries has one time
            if broken(partial) is None and self.waits(partial, due) and partial not in seen:
                seen.add(partial)
                yield partial

    def __len__(self) -> int:
        return sum(lane.count() for lane in self._lanes.values())

    def __bool__(self) -> bool:
        return True

    def count_held(self) -> int:
        """How many wait for a time that has not come."""
        now = clock.now()
        return sum(lane.count_held(now) for lane in self._lanes.values())

    # for workers

    def claim(
        self,
        worker: bytes,
        limit: int,
        *,
        engine: bytes | None = None,
        polite: Callable[[bytes, Lane], int] = lambda key, lane: Access.NOW,
        idle: int | None = None,
    ) -> Claimed:
        """Take up to ``limit`` due partials that the worker may run out of the queue, oldest first.

        Their own records are not changed.  ``engine`` is written on the lanes they come from;
        which lanes are left alone ``polite(key, lane)`` says, an Access.  ``idle``: they are for
        so many who have nothing in hand, one for each, and the rest is reserved ahead; no partial
        that may begin only once is taken for that.
        """
        return claim(self, worker, limit, engine, polite, idle)

    def next_due(self, worker: bytes) -> int | None:
        """When the next partial that the worker may run is due, microseconds; None: none waits.

        A deadline that passes counts too.
        """
        return next_due(self, worker)

    def give_back(self, partial: Partial, delay: int = 0) -> None:
        """Let a claimed partial wait again, in its old place or ``delay`` microseconds from now."""
        partial._given_back()
        if delay:
            partial._due = clock.now() + delay
        self._lane().file(partial._due or 0, partial, restriction_of(partial))

    def announce(self, partial: Partial) -> None:
        """Let the workers look at a waiting partial again: who may run it has changed."""
        append(self, [(partial._due or 0, partial)])
        self.ended(partial)

    def withdraw(self, partial: Partial) -> Partial:
        """Take a waiting partial out of the queue."""
        if partial._queue is not self or partial.state != PENDING:
            raise BadStateError(f"{partial!r} does not wait in this queue")
        self.ended(partial)
        partial._queue = None
        return partial

    def ended(self, partial: Partial) -> None:
        """Count an entry of a waiting partial as gone: it has ended without being claimed."""
        self._lane().note_gone(partial._due or 0, clock.now())

    def look_after(self, partial: Partial) -> None:
        """Let workers run the callbacks of a partial that no worker has ended, some time from now.

        Whoever has ended it runs them itself, and may die before it has.
        """
        now = clock.now()
        partial._resume_at = now + RESUME_MICROSECONDS
        lane = self._lane()
        lane.file(partial._resume_at, partial, ())  # whoever may run the job itself
        lane.note_gone(partial._resume_at, now)  # it does not wait, as far as people count

    def is_left(self, partial: Partial, due: int) -> bool:
        """Whether an entry means that callbacks are left to be run, since this time."""
        return (
            isinstance(partial, Partial)
            and partial._resume_at == due
            and partial._queue is self
            and not is_done(partial)
        )

    def retry_broken(self) -> int:
        """Look again at the records that could not be loaded; how many there are."""
        count = 0
        for lane in self._lanes.values():
            tree = None if lane.filed is None else lane.filed.get(BROKEN)
            if tree is not None:
                del lane.filed[BROKEN]
                for (due, _), partial in tree.items():
                    lane.file(due, partial, ())
                    count += 1
        return count

    def drop_idle_lanes(self, keys: Iterable[bytes]) -> None:
        """Give up lanes that nobody has used for long; their clients start new ones."""
        for key in keys:
            lane = self._lanes.get(key)
            if lane is not None and key != FIRST and lane.is_empty():
                lane.inbox.last.closed = True
                first, now = self._lanes[FIRST], clock.now()
                first.gone += lane.gone
                for due, count in (lane.gone_held or {}).items():
                    first.note_gone(due, now, count)
                    first.gone -= count
                del self._lanes[key]

    def lanes(self) -> dict[bytes, Lane]:
        """The lanes by key."""
        return dict(self._lanes.items())

    def watched(self) -> set[bytes]:
        """The oids of the records that a put writes; an invalidation of one means news."""
        oids = set(_tree_oids(self._lanes))
        for lane in self._lanes.values():
            oids.add(lane._p_oid)
            oids.add(lane.inbox.last._p_oid)
        return oids

    def waits(self, partial: Partial, due: int) -> bool:
        """Whether an entry is true: its partial waits here, for this time."""
        return (
            isinstance(partial, Partial)
            and partial.state == PENDING
            and partial._queue is self
            and partial._due == due
        )

    def _checked(
        self, item: Any, *, batch: bool | None = None, detached: bool = False, retry: Any = None
    ) -> Partial:
        """The item as a partial that can be put; raises where it cannot, changes nothing."""
        partial: Any = item if isinstance(item, Partial) else IDataManagerPartial(item, None)
        if partial is None:
            partial = as_partial(item)
        if partial._queue is not None or partial._parent is not None:
            raise ValueError(f"item {partial!r} was put already: make a new Partial")
        if partial.state != PENDING:
            raise ValueError(f"item {partial!r} has been called already: make a new Partial")
        if detached:
            require_plain(partial)
        stored_name(partial, retry)
        if self._p_jar is not None:
            require_placed(partial, self._p_jar)
        return partial  # type: ignore[no-any-return]

    def _checked_once(self, item: Any, known: dict[Any, Partial], **options: Any) -> Partial:
        """As _checked; a function that is there many times is looked at the first time only."""
        if type(item) is not FunctionType:
            return self._checked(item, **options)
        first = known.get(item)
        if first is not None:
            return twin(first)
        partial = self._checked(item, **options)
        if is_bare(partial):
            known[item] = partial
        return partial

    def _enter(
        self,
        partial: Partial,
        due: int,
        by: int | None,
        *,
        batch: bool | None = None,
        detached: bool = False,
        retry: Any = None,
    ) -> None:
        """Let the partial know that it waits here."""
        if retry is not None:
            partial.retry = retry
        if self._p_jar is not None:
            self._p_jar.add(partial)
        partial._queue = self
        partial._due = due
        if by is not None:
            partial._by = by
        if self.batch if batch is None else batch:
            partial._batch = True
        if detached:
            partial._detached = True

    def _lane(self) -> Lane:
        """The lane of this connection."""
        return own_lane(self)


def _tree_oids(tree: Any) -> Iterator[bytes]:
    """The oids of a BTree's records."""
    if tree._p_oid is not None:
        yield tree._p_oid
    state = tree.__getstate__()
    if state is None or not isinstance(tree, OOBTree) or len(state) == 1:
        return
    for child in state[0][::2]:
        yield from _tree_oids(child) if isinstance(child, OOBTree) else (child._p_oid,)


def _due(begin_after: datetime | None) -> int:
    """When what is put now is due, microseconds."""
    now = clock.now()
    return now if begin_after is None else max(now, clock.from_datetime(begin_after, "begin_after"))


def _microseconds(begin_by: timedelta | None) -> int | None:
    if begin_by is None:
        return None
    if not isinstance(begin_by, timedelta):
        raise TypeError(f"begin_by must be a datetime.timedelta, not {type(begin_by).__name__}")
    if begin_by < timedelta(0):
        raise ValueError(f"begin_by must not be negative: {begin_by}")
    return begin_by // clock.MICROSECOND
